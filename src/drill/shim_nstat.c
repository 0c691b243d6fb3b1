/* nstat: the stack's counters and drops under the names that Linux gives to the same facts. What Linux counts and the
 * stack does not is not listed, as on an older kernel. */
#include "shim.h"

#include <string.h>

#define SUM 2 /* Counts that one line may add up. */

static const struct row {
    const char *name;
    uint16_t counter[SUM], drop[SUM]; /* 0: none. */
} rows[] = {
#define COUNTER(name, id) {name, {LA_C_##id + 1}, {0}},
#define DROP(name, id) {name, {0}, {LA_D_##id}},
#define DROPS(name, a, b) {name, {0}, {LA_D_##a, LA_D_##b}},
    /* clang-format off */
    COUNTER("IpInReceives", IN_PACKETS)
    COUNTER("IpOutRequests", OUT_PACKETS)
    COUNTER("IpReasmOKs", REASSEMBLED)
    DROPS("IpReasmFails", REASS_BAD, REASS_TIMEOUT)
    DROP("IpInHdrErrors", IP_BAD)
    DROP("IpInAddrErrors", IP_NOT_OURS)
    DROP("IpOutNoRoutes", NO_ROUTE)
    COUNTER("IcmpInEchos", IN_ECHO)
    DROP("IcmpInCsumErrors", ICMP_CSUM)
    COUNTER("UdpInDatagrams", UDP_IN)
    COUNTER("UdpOutDatagrams", UDP_OUT)
    DROP("UdpNoPorts", UDP_NO_PORT)
    DROP("UdpRcvbufErrors", UDP_FULL)
    DROP("UdpInCsumErrors", UDP_CSUM)
    COUNTER("TcpActiveOpens", ACTIVE_OPENS)
    COUNTER("TcpPassiveOpens", PASSIVE_OPENS)
    COUNTER("TcpAttemptFails", CONNECT_FAILS)
    COUNTER("TcpEstabResets", RESETS_IN)
    COUNTER("TcpInSegs", TCP_IN)
    COUNTER("TcpOutSegs", TCP_OUT)
    COUNTER("TcpRetransSegs", RETRANSMITS)
    DROPS("TcpInErrs", TCP_BAD, TCP_CSUM)
    DROP("TcpInCsumErrors", TCP_CSUM)
    COUNTER("TcpOutRsts", TCP_OUT_RST)
    COUNTER("TcpExtSyncookiesSent", SYN_COOKIES)
    DROP("TcpExtSyncookiesFailed", COOKIE_BAD)
    DROP("TcpExtEmbryonicRsts", SYN_RST)
    DROP("TcpExtOutOfWindowIcmps", ICMP_STRAY)
    COUNTER("TcpExtTW", TIME_WAIT_MADE)
    COUNTER("TcpExtTWRecycled", TIME_WAIT_REUSED)
    DROP("TcpExtPAWSEstab", PAWS)
    DROP("TcpExtPAWSTimewait", TW_PAWS)
    COUNTER("TcpExtDelayedACKs", DELAYED_ACKS)
    DROP("TcpExtListenOverflows", ACCEPT_FULL)
    DROPS("TcpExtListenDrops", ACCEPT_FULL, SYN_CACHE_FULL)
    COUNTER("TcpExtTCPTimeouts", RTOS)
    COUNTER("TcpExtTCPAbortOnTimeout", TIMEOUTS)
    DROP("TcpExtTCPAbortOnData", DATA_AFTER_CLOSE)
    DROP("TcpExtTCPAbortOnMemory", ORPHAN_LIMIT)
    DROP("TcpExtTCPTimeWaitOverflow", TW_FULL)
    COUNTER("TcpExtTCPChallengeACK", CHALLENGE_ACKS)
    DROP("TcpExtTCPSYNChallenge", SYN_CHALLENGE)
    DROP("TcpExtTCPACKSkippedChallenge", CHALLENGE_RATE)
    COUNTER("TcpExtTCPKeepAlive", KEEPALIVE_PROBES)
    COUNTER("TcpExtTCPWinProbe", ZERO_WINDOW_PROBES)
    COUNTER("TcpExtTCPOFOQueue", OUT_OF_ORDER)
    DROP("TcpExtTCPOFODrop", OOO_FULL)
    DROP("TcpExtBeyondWindow", SEQ_BEYOND)
    /* clang-format on */
};

#define NROWS (sizeof rows / sizeof rows[0])

_Static_assert(NROWS <= NSTAT_ROWS, "each row has a place for what was shown last");

static uint64_t count(const struct la_stack *stack, const struct row *row) {
    uint64_t n = 0;
    for (unsigned i = 0; i < SUM; i++) {
        if (row->counter[i]) n += la_counter(stack, (enum la_counter)(row->counter[i] - 1));
        if (row->drop[i]) n += la_dropped(stack, (enum la_drop)row->drop[i]);
    }
    return n;
}

/* A shell's pattern with stars. Linear in the text for each star, and only the last star is tried again. */
static bool matches(const char *pattern, const char *text) {
    const char *star = NULL, *from = text;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

static bool is_asked(const struct shim *shim, int first, const char *name) {
    for (int n = first; n < shim->argc; n++)
        if (matches(shim->argv[n], name)) return true;
    return first == shim->argc;
}

int shim_nstat(const struct shim *shim) {
    bool absolute = false, keep = false, zeros = false, silent = false;
    int n = 1;
    for (; n < shim->argc && shim->argv[n][0] == '-'; n++)
        for (const char *c = shim->argv[n] + 1; *c; c++) switch (*c) {
            case 'a': absolute = true; break;
            case 's': keep = true; break;
            case 'z': zeros = true; break;
            case 'n': silent = true; break;
            case 'r': memset(nstat_shown(shim->t), 0, NSTAT_ROWS * sizeof(uint64_t)); break;
            default: return shim_cannot(shim, "the option %s", shim->argv[n]);
            }
    uint64_t *shown = nstat_shown(shim->t);
    if (!silent) drill_text_add(shim->out, "#kernel\n");
    for (size_t i = 0; i < NROWS; i++) {
        uint64_t now = count(shim->t->stack, &rows[i]), value = absolute ? now : now - shown[i];
        if (!silent && (value || zeros) && is_asked(shim, n, rows[i].name))
            drill_text_add(shim->out, "%-32s%-16llu%6.1f\n", rows[i].name, (unsigned long long)value, 0.0);
        if (!keep) shown[i] = now;
    }
    return 0;
}
