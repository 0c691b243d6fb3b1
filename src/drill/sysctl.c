/* Sysctls as text, under the names that Linux and FreeBSD give them.
 *
 * What comes in: a full name and a value as a person writes it. A name is looked up in this order:
 *
 *  - `vectors`: one name with several numbers (tcp_rmem), each of which is a setting of the stack.
 *  - `kept`: names that the stack has no setting for. The value is stored and can be read, nothing else happens; the
 *    table says why that does no harm, or which value is refused because the stack would behave otherwise.
 *  - la_set_text and la_get_text: everything that the stack has a setting for. They come before `kept`, so that a name
 *    which becomes a setting needs no change here.
 *
 * Any other name is unknown, as it is to the kernel. Owned here: the kept values, one struct per target, made with it.
 */
#include "shim.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- Names with several values --- */

#define VECTOR_PARTS 3

static const struct vector {
    const char *name;
    unsigned parts;
    const char *part[VECTOR_PARTS];
} vectors[] = {
    {"net.ipv4.tcp_rmem", 3, {"net.ipv4.tcp_rmem_min", "net.ipv4.tcp_rmem_default", "net.ipv4.tcp_rmem_max"}},
    {"net.ipv4.tcp_wmem", 3, {"net.ipv4.tcp_wmem_min", "net.ipv4.tcp_wmem_default", "net.ipv4.tcp_wmem_max"}},
    {"net.ipv4.ip_local_port_range",
     2,
     {"net.ipv4.ip_local_port_range_low", "net.ipv4.ip_local_port_range_high", NULL}},
};

/* --- Names that the stack lists under another --- */

static const char *const also[] = {"net.ipv4.tcp_congestion_control", "net.ipv4.tcp_available_congestion_control",
                                   "net.ipv4.tcp_early_retrans", "net.ipv4.tcp_frto", "net.inet.tcp.cc.algorithm"};

/* --- Names without a mechanism --- */

enum kept_kind {
    KEPT_NUMBER,  /* Decimal, or hexadecimal with 0x. */
    KEPT_TRIGGER, /* Setting it does something once; it always reads as its first value. */
    KEPT_KEY,     /* tcp_fastopen_key: four or eight groups of eight hexadecimal digits. */
    KEPT_HYSTART, /* A number of CUBIC's module: the stack's setting follows from both. */
};

struct kept {
    const char *name;
    enum kept_kind kind;
    const char *first; /* The value at the start. */
    const char *why;   /* Why it is enough to keep it. */
    const char *more;  /* What the stack would need for any other value, which is refused for that reason; or NULL. */
};

static const char no_metrics[] = "A target begins without any memory of earlier peers.";
static const char own_arithmetic[] = "A weight in Linux's own sending arithmetic, which the stack does not copy.";
static const char no_chunks[] = "The stack sends single segments; how many a device takes at once is not its matter.";
static const char room[] = "A bound on buffers; the settings for TCP's own buffers have theirs.";
static const char follows_profile[] = "The stack has one way, that of its profile.";
static const char fastopen_key[] = "net.ipv4.tcp_fastopen_key";
static const char hystart[] = "sys.module.tcp_cubic.parameters.hystart";
static const char hystart_detect[] = "sys.module.tcp_cubic.parameters.hystart_detect";
static const char old_linux[] = "Linux has dropped this itself; scripts set it for older kernels.";

static const struct kept kept[] = {
    /* Linux. */
    {"net.ipv4.tcp_fack", KEPT_NUMBER, "0", old_linux, NULL},
    {"net.ipv4.tcp_low_latency", KEPT_NUMBER, "0", old_linux, NULL},
    {"net.ipv4.tcp_thin_linear_timeouts", KEPT_NUMBER, "0", follows_profile, NULL},
    {"net.ipv4.tcp_syn_linear_timeouts", KEPT_NUMBER, "4", follows_profile, NULL},
    {"net.ipv4.tcp_retrans_collapse", KEPT_NUMBER, "1", follows_profile, NULL},
    {"net.ipv4.tcp_stdurg", KEPT_NUMBER, "0", follows_profile, NULL},
    {"net.ipv4.tcp_shrink_window", KEPT_NUMBER, "0", follows_profile, NULL},
    {"net.ipv4.tcp_workaround_signed_windows", KEPT_NUMBER, "0", follows_profile, NULL},
    {"net.ipv4.tcp_comp_sack_delay_ns", KEPT_NUMBER, "1000000", follows_profile, NULL},
    {"net.ipv4.tcp_comp_sack_nr", KEPT_NUMBER, "44", follows_profile, NULL},
    {"net.ipv4.tcp_comp_sack_slack_ns", KEPT_NUMBER, "100000", follows_profile, NULL},
    {"net.ipv4.tcp_reflect_tos", KEPT_NUMBER, "0", follows_profile, NULL},
    {"net.ipv4.tcp_pingpong_thresh", KEPT_NUMBER, "1", follows_profile, NULL},
    {"net.ipv4.tcp_backlog_ack_defer", KEPT_NUMBER, "1", follows_profile, NULL},
    {"net.ipv4.tcp_adv_win_scale", KEPT_NUMBER, "1", own_arithmetic, NULL},
    {"net.ipv4.tcp_app_win", KEPT_NUMBER, "31", own_arithmetic, NULL},
    {"net.ipv4.tcp_min_rtt_wlen", KEPT_NUMBER, "300", own_arithmetic, NULL},
    {"net.ipv4.tcp_tso_win_divisor", KEPT_NUMBER, "3", no_chunks, NULL},
    {"net.ipv4.tcp_tso_rtt_log", KEPT_NUMBER, "9", no_chunks, NULL},
    {"net.ipv4.tcp_autocorking", KEPT_NUMBER, "1", no_chunks, NULL},
    {"net.ipv4.tcp_limit_output_bytes", KEPT_NUMBER, "4194304", no_chunks, NULL},
    {"net.ipv4.tcp_no_metrics_save", KEPT_NUMBER, "0", no_metrics, NULL},
    {"net.ipv4.tcp_no_ssthresh_metrics_save", KEPT_NUMBER, "1", no_metrics, NULL},
    {fastopen_key, KEPT_KEY, "00000000-00000000-00000000-00000000", "The stack has it, too.", NULL},
    {"net.core.rmem_max", KEPT_NUMBER, "4194304", room, NULL},
    {"net.core.wmem_max", KEPT_NUMBER, "4194304", room, NULL},
    {"net.core.rmem_default", KEPT_NUMBER, "212992", room, NULL},
    {"net.core.wmem_default", KEPT_NUMBER, "212992", room, NULL},
    {"net.core.optmem_max", KEPT_NUMBER, "131072", room, NULL},
    {"net.core.netdev_max_backlog", KEPT_NUMBER, "1000", room, NULL},
    {hystart, KEPT_HYSTART, "1", "It selects lastack.tcp_hystart.", NULL},
    {hystart_detect, KEPT_HYSTART, "3", "The same.", NULL},
    {"sys.module.tcp_cubic.parameters.hystart_low_window", KEPT_NUMBER, "16", own_arithmetic, NULL},

    /* FreeBSD. */
    {"net.inet.tcp.hostcache.purgenow", KEPT_TRIGGER, "0", no_metrics, NULL},
    {"net.inet.tcp.hostcache.enable", KEPT_NUMBER, "1", no_metrics, NULL},
    {"net.inet.tcp.blackhole", KEPT_NUMBER, "0", follows_profile, "silence towards closed ports"},
    {"net.inet.tcp.always_keepalive", KEPT_NUMBER, "1", follows_profile, NULL},
    {"net.inet.tcp.fast_finwait2_recycle", KEPT_NUMBER, "0", follows_profile, NULL},
    {"net.inet.tcp.rfc3042", KEPT_NUMBER, "1", follows_profile, NULL},
    {"net.inet.tcp.rfc3390", KEPT_NUMBER, "1", follows_profile, NULL},
    {"net.inet.tcp.rfc3465", KEPT_NUMBER, "1", follows_profile, NULL},
    {"net.inet.tcp.rfc6675_pipe", KEPT_NUMBER, "1", follows_profile, NULL},
    {"net.inet.tcp.abc_l_var", KEPT_NUMBER, "2", follows_profile, NULL},
    {"net.inet.tcp.do_prr", KEPT_NUMBER, "1", follows_profile, NULL},
    {"net.inet.tcp.do_lrd", KEPT_NUMBER, "0", follows_profile, NULL},
    {"net.inet.tcp.newcwv", KEPT_NUMBER, "0", follows_profile, NULL},
    {"net.inet.tcp.tso", KEPT_NUMBER, "1", no_chunks, NULL},
    {"net.inet.tcp.sendbuf_auto", KEPT_NUMBER, "1", room, NULL},
    {"net.inet.tcp.sendbuf_inc", KEPT_NUMBER, "8192", room, NULL},
    {"net.inet.tcp.udp_tunneling_port", KEPT_NUMBER, "0", "A port of 0 is no tunnel.", "TCP over UDP"},
    {"net.inet.tcp.udp_tunneling_overhead", KEPT_NUMBER, "0", "Of no meaning without a tunnel.", NULL},
};

#define NKEPT COUNT_OF(kept)

#define MAX_NAMES 320

struct drill_sysctls {
    char value[NKEPT][SYSCTL_TEXT];
    /* All names, Linux's first: made when somebody first walks them. */
    unsigned nnames;
    const char *name[MAX_NAMES];
    uint64_t nstat[NSTAT_ROWS];
    char tc[TC_KIND];
};

int sysctls_init(struct drill_stack_target *t) {
    struct drill_sysctls *s = t->alloc.alloc(t->alloc.ctx, sizeof *s);
    if (!s) return -LA_ENOMEM;
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < NKEPT; i++) snprintf(s->value[i], SYSCTL_TEXT, "%s", kept[i].first);
    t->sysctls = s;
    return 0;
}

void sysctls_free(struct drill_stack_target *t) {
    if (t->sysctls) t->alloc.free(t->alloc.ctx, t->sysctls, sizeof *t->sysctls);
    t->sysctls = NULL;
}

uint64_t *nstat_shown(struct drill_stack_target *t) { return t->sysctls->nstat; }

char *tc_kind(struct drill_stack_target *t) { return t->sysctls->tc; }

/* --- Looking up --- */

static bool same_name(const char *a, const char *b) {
    for (; *a && (*a == *b || (*a == '/' && *b == '.')); a++) b++;
    return *a == *b;
}

static const struct vector *vector_of(const char *name) {
    for (size_t i = 0; i < COUNT_OF(vectors); i++)
        if (same_name(name, vectors[i].name)) return &vectors[i];
    return NULL;
}

static size_t kept_of(const char *name) {
    size_t i = 0;
    while (i < NKEPT && !same_name(name, kept[i].name)) i++;
    return i;
}

/* Names of other systems (TcpTimedWaitDelay) count, too. */
static bool is_setting(const struct drill_stack_target *t, const char *name) {
    char text[SYSCTL_TEXT];
    return la_get_text(t->stack, name, text, sizeof text) == 0;
}

/* --- Reading --- */

int sysctl_read(const struct drill_stack_target *t, const char *name, char value[SYSCTL_TEXT]) {
    const struct vector *v = vector_of(name);
    struct drill_text text = drill_text_in(value, SYSCTL_TEXT);
    int64_t n;
    if (v) {
        for (unsigned i = 0; i < v->parts; i++)
            if (la_get(t->stack, v->part[i], &n) == 0) drill_text_add(&text, "%s%" PRId64, i ? "\t" : "", n);
        return 0;
    }
    if (la_get_text(t->stack, name, value, SYSCTL_TEXT) == 0) return 0;
    size_t i = kept_of(name);
    if (i == NKEPT) return -LA_ENOENT;
    drill_text_add(&text, "%s", t->sysctls->value[i]);
    return 0;
}

/* --- Writing --- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

/* The next number of a text: decimal, octal or hexadecimal as C writes them. */
static bool take_number(const char **text, int64_t *value) {
    char *end;
    while (is_blank(**text)) ++*text;
    if (!isdigit((unsigned char)**text) && **text != '-') return false;
    errno = 0;
    long long n = strtoll(*text, &end, 0);
    if (errno || end == *text || (*end && !is_blank(*end))) return false;
    while (is_blank(*end)) end++;
    *text = end;
    *value = n;
    return true;
}

/* Fewer numbers than there are change the first ones only; all or none are set. */
static int write_vector(struct drill_stack_target *t, const struct vector *v, const char *text) {
    int64_t value[VECTOR_PARTS], before[VECTOR_PARTS];
    unsigned n = 0;
    while (n < v->parts && take_number(&text, &value[n])) n++;
    if (n == 0 || *text) return -LA_EINVAL;
    for (unsigned i = 0; i < v->parts; i++)
        if (la_get(t->stack, v->part[i], &before[i]) < 0) return -LA_EINVAL;
    int error = 0;
    for (unsigned i = 0; i < n && !error; i++) error = la_set(t->stack, v->part[i], value[i]);
    for (unsigned i = 0; i < v->parts && error; i++) la_set(t->stack, v->part[i], before[i]);
    return error;
}

static bool is_key(const char *text) {
    size_t len = strlen(text);
    if (len != 35 && len != 71) return false;
    for (size_t i = 0; i < len; i++) {
        char between = i % 36 == 35 ? ',' : '-';
        if (i % 9 == 8 ? text[i] != between : !isxdigit((unsigned char)text[i])) return false;
    }
    return true;
}

/* Groups of eight digits are numbers, and stand in the key with their lowest byte first. */
static void set_key(struct drill_stack_target *t, const char *text) {
    uint8_t key[32];
    size_t len = 0;
    for (const char *group = text; len < sizeof key && strlen(group) >= 8; group += group[8] ? 9 : 8) {
        char digits[9] = "";
        memcpy(digits, group, 8);
        unsigned long number = strtoul(digits, NULL, 16);
        for (unsigned i = 0; i < 4; i++) key[len++] = (uint8_t)(number >> (8 * i));
    }
    la_fastopen_key_set(t->stack, key, len);
}

/* Linux's switch and its choice of rules (1: trains of ACKs, 2: delay) as one setting (enum cc_hystart). */
static void set_hystart(struct drill_stack_target *t) {
    static const uint8_t rule[] = {2, 3, 4, 1};
    bool on = strtoll(t->sysctls->value[kept_of(hystart)], NULL, 10) != 0;
    long long detect = strtoll(t->sysctls->value[kept_of(hystart_detect)], NULL, 10);
    la_set(t->stack, "lastack.tcp_hystart", on ? rule[detect & 3] : 2);
}

static int write_kept(struct drill_stack_target *t, size_t i, const char *text, const char **why) {
    char *value = t->sysctls->value[i];
    int64_t n;
    switch (kept[i].kind) {
    case KEPT_TRIGGER: return take_number(&text, &n) && !*text ? 0 : -LA_EINVAL;
    case KEPT_NUMBER:
    case KEPT_HYSTART:
        if (!take_number(&text, &n) || *text) return -LA_EINVAL;
        if (kept[i].more && n != strtoll(kept[i].first, NULL, 10)) {
            *why = kept[i].more;
            return -LA_EOPNOTSUPP;
        }
        snprintf(value, SYSCTL_TEXT, "%" PRId64, n);
        if (kept[i].kind == KEPT_HYSTART) set_hystart(t);
        return 0;
    case KEPT_KEY:
        if (!is_key(text)) return -LA_EINVAL;
        set_key(t, text);
        break;
    }
    snprintf(value, SYSCTL_TEXT, "%s", text);
    return 0;
}

/* Numbers as C writes them, or a word. */
static int write_setting(struct drill_stack_target *t, const char *name, const char *text) {
    const char *rest = text;
    int64_t n;
    if (take_number(&rest, &n)) return *rest ? -LA_EINVAL : la_set(t->stack, name, n);
    return la_set_text(t->stack, name, text);
}

int sysctl_write(struct drill_stack_target *t, const char *name, const char *value, const char **why) {
    char text[SYSCTL_TEXT];
    size_t len = strlen(value);
    *why = NULL;
    while (len && is_blank(value[len - 1])) len--;
    while (len && is_blank(*value)) value++, len--;
    if (len >= sizeof text) return -LA_EINVAL;
    memcpy(text, value, len);
    text[len] = '\0';
    const struct vector *v = vector_of(name);
    if (v) return write_vector(t, v, text);
    if (is_setting(t, name)) return write_setting(t, name, text);
    size_t i = kept_of(name);
    return i < NKEPT ? write_kept(t, i, text, why) : -LA_ENOENT;
}

/* --- Walking --- */

static bool is_part(const char *name) {
    for (size_t i = 0; i < COUNT_OF(vectors); i++)
        for (unsigned p = 0; p < vectors[i].parts; p++)
            if (same_name(name, vectors[i].part[p])) return true;
    return false;
}

static bool is_linux(const char *name) { return !strncmp(name, "net.ipv", 7) || !strncmp(name, "net.core.", 9); }

static void add_name(struct drill_sysctls *s, const char *name, bool wants_linux) {
    if (is_linux(name) == wants_linux && s->nnames < MAX_NAMES) s->name[s->nnames++] = name;
}

static void add_names(const struct drill_stack_target *t, bool wants_linux) {
    struct la_setting setting;
    int64_t value;
    for (size_t v = 0; v < COUNT_OF(vectors); v++) add_name(t->sysctls, vectors[v].name, wants_linux);
    for (size_t k = 0; k < NKEPT; k++)
        if (!is_setting(t, kept[k].name)) add_name(t->sysctls, kept[k].name, wants_linux);
    for (size_t a = 0; a < COUNT_OF(also); a++) add_name(t->sysctls, also[a], wants_linux);
    for (unsigned s = 0; la_setting_at(t->stack, s, &setting, &value); s++)
        if (!is_part(setting.name)) add_name(t->sysctls, setting.name, wants_linux);
}

const char *sysctl_name(const struct drill_stack_target *t, unsigned i) {
    if (!t->sysctls->nnames) {
        add_names(t, true);
        add_names(t, false);
    }
    return i < t->sysctls->nnames ? t->sysctls->name[i] : NULL;
}

const char *sysctl_linux_name(const struct drill_stack_target *t, unsigned i) {
    const char *name = sysctl_name(t, i);
    return name && is_linux(name) ? name : NULL;
}

const char *sysctl_of_file(const char *path) {
    static const char proc[] = "/proc/sys/", module[] = "/sys/module/";
    if (!strncmp(path, proc, sizeof proc - 1)) return path + sizeof proc - 1;
    return strncmp(path, module, sizeof module - 1) ? NULL : path + 1;
}
