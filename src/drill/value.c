/* Descriptors, numbers and names: what every argument of a call is made of.
 *
 * Every failure is one sentence that begins with line:column. The sizes of a script's expressions are bounded by the
 * parser; their depth is bounded here as well, since this is where they are walked. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "value_parts.h"

#define DEPTH_MAX 200

/* --- Descriptors --- */

int fds_live(const struct drill_fds *fds, int script) {
    for (unsigned i = 0; i < fds->count; i++) {
        if (fds->fd[i].script == script) return fds->fd[i].live;
    }
    /* A number that stands for another descriptor there would hit the wrong one. */
    for (unsigned i = 0; i < fds->count; i++) {
        if (fds->fd[i].live == script) return -1;
    }
    return script;
}

int fds_script(const struct drill_fds *fds, int live) {
    for (unsigned i = 0; i < fds->count; i++) {
        if (fds->fd[i].live == live) return fds->fd[i].script;
    }
    return live;
}

bool fds_known(const struct drill_fds *fds, int script) {
    for (unsigned i = 0; i < fds->count; i++) {
        if (fds->fd[i].script == script) return true;
    }
    return false;
}

bool fds_enter(struct drill_fds *fds, int script, int live) {
    fds_leave(fds, script);
    if (fds->count == DRILL_FDS) return false;
    fds->fd[fds->count].script = script;
    fds->fd[fds->count].live = live;
    fds->count++;
    return true;
}

void fds_leave(struct drill_fds *fds, int script) {
    for (unsigned i = 0; i < fds->count; i++) {
        if (fds->fd[i].script != script) continue;
        fds->fd[i] = fds->fd[--fds->count];
        return;
    }
}

/* --- Expressions --- */

const char *value_kind(const struct drill_expr *expr) {
    switch (expr->kind) {
    case DRILL_ELLIPSIS: return "...";
    case DRILL_INTEGER: return "a number";
    case DRILL_WORD: return "a word";
    case DRILL_STRING:
    case DRILL_STRING_MORE: return "a string";
    case DRILL_OR:
    case DRILL_SHIFT_LEFT: return "an expression";
    case DRILL_ASSIGN:
    case DRILL_FIELD: return "a named field";
    case DRILL_CALL: return "a function";
    case DRILL_LIST: return "a list";
    case DRILL_STRUCT: return "a structure";
    }
    return "?";
}

bool value_wrong(struct drill_text *why, const struct drill_expr *expr, const char *format, ...) {
    char sentence[256];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    drill_text_add(why, "%u:%u: %s", expr->line, expr->column, sentence);
    return false;
}

static bool eval(const struct drill_expr *expr, unsigned depth, int64_t *number, struct drill_text *why);

static bool eval_pair(const struct drill_expr *expr, unsigned depth, int64_t *number, struct drill_text *why) {
    int64_t left = 0, right = 0;
    if (expr->nitems != 2) return value_wrong(why, expr, "an expression with %u sides", expr->nitems);
    if (!eval(expr->item[0], depth + 1, &left, why) || !eval(expr->item[1], depth + 1, &right, why)) return false;
    if (expr->kind == DRILL_OR) {
        *number = left | right;
        return true;
    }
    if (right < 0 || right > 62) return value_wrong(why, expr->item[1], "shift by %lld bits", (long long)right);
    *number = (int64_t)((uint64_t)left << right);
    return true;
}

/* htons and htonl turn a number's bytes around where the machine is little-endian. */
static bool eval_function(const struct drill_expr *expr, unsigned depth, int64_t *number, struct drill_text *why) {
    uint8_t bytes[16];
    if (value_address(expr, bytes) == 4) {
        uint32_t raw;
        memcpy(&raw, bytes, sizeof raw);
        *number = raw;
        return true;
    }
    bool is_short = strcmp(expr->text, "htons") == 0;
    if ((!is_short && strcmp(expr->text, "htonl") != 0) || expr->nitems != 1)
        return value_wrong(why, expr, "%s(…) is no function of numbers", expr->text);
    int64_t host = 0;
    if (!eval(expr->item[0], depth + 1, &host, why)) return false;
    uint64_t low = (uint64_t)host;
    uint8_t big[4] = {(uint8_t)(low >> 24), (uint8_t)(low >> 16), (uint8_t)(low >> 8), (uint8_t)low};
    uint16_t two;
    uint32_t four;
    memcpy(&two, big + 2, sizeof two);
    memcpy(&four, big, sizeof four);
    *number = is_short ? (int64_t)two : (int64_t)four;
    return true;
}

static bool eval(const struct drill_expr *expr, unsigned depth, int64_t *number, struct drill_text *why) {
    if (depth > DEPTH_MAX) return value_wrong(why, expr, "the expression is too deep");
    switch (expr->kind) {
    case DRILL_INTEGER: *number = expr->integer; return true;
    case DRILL_WORD:
        return symbol_value(expr->text, number) || value_wrong(why, expr, "%s: no such constant", expr->text);
    case DRILL_OR:
    case DRILL_SHIFT_LEFT: return eval_pair(expr, depth, number, why);
    case DRILL_CALL: return eval_function(expr, depth, number, why);
    default: return value_wrong(why, expr, "a number is expected, and %s stands there", value_kind(expr));
    }
}

bool value_eval(const struct drill_expr *expr, int64_t *number, struct drill_text *why) {
    return eval(expr, 0, number, why);
}

const struct drill_expr *value_field(const struct drill_expr *expr, const char *name) {
    for (unsigned i = 0; i < expr->nitems; i++) {
        const struct drill_expr *item = expr->item[i];
        bool named = item->kind == DRILL_FIELD || item->kind == DRILL_ASSIGN;
        if (named && item->nitems > 0 && item->text && strcmp(item->text, name) == 0) return item->item[0];
    }
    return NULL;
}

const struct drill_expr *value_element(const struct drill_expr *expr) {
    return expr->kind == DRILL_LIST && expr->nitems == 1 ? expr->item[0] : NULL;
}

bool value_is_null(const struct drill_expr *expr) {
    return (expr->kind == DRILL_INTEGER && expr->integer == 0) ||
           (expr->kind == DRILL_WORD && strcmp(expr->text, "NULL") == 0);
}

size_t value_address(const struct drill_expr *expr, uint8_t bytes[16]) {
    if (expr->kind != DRILL_CALL || expr->nitems != 1 || expr->item[0]->kind != DRILL_STRING) return 0;
    bool is4 = strcmp(expr->text, "inet_addr") == 0;
    struct la_addr addr;
    if (!is4 && strcmp(expr->text, "inet6_addr") != 0) return 0;
    if (!la_addr_parse(expr->item[0]->text, &addr) || la_addr_is4(&addr) != is4) return 0;
    memcpy(bytes, is4 ? addr.bytes + 12 : addr.bytes, is4 ? 4 : 16);
    return is4 ? 4 : 16;
}

/* --- What a call needs --- */

struct need {
    const char *word;
    const char *mechanism;
};

/* A word that ends with '*' stands for all that begin so. */
static const struct need call_needs[] = {
    {"pipe", "data moved inside a kernel (splice, sendfile)"},
    {"splice", "data moved inside a kernel (splice, sendfile)"},
    {"sendfile", "data moved inside a kernel (splice, sendfile)"},
    {"open", "data moved inside a kernel (splice, sendfile)"},
    {"cap_set", "a process's capabilities"},
    {"psp_*", "PSP, the encryption in network cards"},
    {"sctp_*", "SCTP"},
    {"kqueue", "kqueue"},
    {"kevent", "kqueue"},
};

static const struct need word_needs[] = {
    {"MSG_ZEROCOPY", "sending without copies (MSG_ZEROCOPY)"},
    {"SO_ZEROCOPY", "sending without copies (MSG_ZEROCOPY)"},
    {"MSG_ERRQUEUE", "a socket's error queue (MSG_ERRQUEUE)"},
    {"SO_TIMESTAMPING", "times of packets (SO_TIMESTAMPING)"},
    {"TCP_MD5SIG*", "TCP-MD5 (RFC 2385)"},
    {"TCP_REPAIR*", "moving connections between machines (TCP_REPAIR)"},
    {"TCP_ZEROCOPY_RECEIVE", "receiving without copies (TCP_ZEROCOPY_RECEIVE)"},
    {"IPPROTO_UDPLITE", "UDP-Lite (RFC 3828)"},
    {"SOL_UDPLITE", "UDP-Lite (RFC 3828)"},
    {"IPPROTO_SCTP", "SCTP"},
    {"SCTP_*", "SCTP"},
    {"IPPROTO_ICMP", "ICMP sockets"},
    {"IPPROTO_ICMPV6", "ICMP sockets"},
};

/* What only FreeBSD has: no target knows these names. Without a mechanism: the name says it. */
static const struct need bsd_needs[] = {
    {"TCP_RACK_*", "FreeBSD's exchangeable TCPs (RACK, BBR)"},
    {"TCP_BBR_*", "FreeBSD's exchangeable TCPs (RACK, BBR)"},
    {"TCP_FUNCTION_BLK", "FreeBSD's exchangeable TCPs (RACK, BBR)"},
    {"TCP_REMOTE_UDP_ENCAPS_PORT", "TCP over UDP"},
    /* clang-format off */
    {"SO_ACCEPTFILTER", NULL}, {"SO_BINTIME", NULL}, {"SO_LABEL", NULL}, {"SO_LISTEN*", NULL}, {"SO_NOSIGPIPE", NULL},
    {"SO_NO_DDP", NULL}, {"SO_NO_OFFLOAD", NULL}, {"SO_PEERLABEL", NULL}, {"SO_PROTOTYPE", NULL},
    {"SO_REUSEPORT_LB", NULL}, {"SO_SETFIB", NULL}, {"SO_TS_CLOCK", NULL}, {"SO_USELOOPBACK", NULL},
    {"SO_USER_COOKIE", NULL}, {"IP_DONTFRAG", NULL}, {"IP_FLOW*", NULL}, {"IP_PORTRANGE", NULL},
    {"IP_RECVDSTADDR", NULL}, {"IP_RECVFLOWID", NULL}, {"IP_RECVIF", NULL}, {"IP_RECVRSSBUCKETID", NULL},
    {"IP_RSS*", NULL}, {"IP_SENDSRCADDR", NULL}, {"IPV6_FLOWID", NULL}, {"IPV6_FLOWTYPE", NULL},
    {"IPV6_PORTRANGE", NULL}, {"IPV6_RECVFLOWID", NULL}, {"IPV6_RECVRSSBUCKETID", NULL}, {"IPV6_RSS*", NULL},
    {"IPV6_USE_MIN_MTU", NULL}, {"TCP_CCALGOOPT", NULL}, {"TCP_DATA_AFTER_CLOSE", NULL}, {"TCP_DEFER_OPTIONS", NULL},
    {"TCP_DELACK", NULL}, {"TCP_FAST_RSM_HACK", NULL}, {"TCP_FIN_IS_RST", NULL}, {"TCP_HDWR_*", NULL},
    {"TCP_HYBRID_PACING", NULL}, {"TCP_IDLE_REDUCE", NULL}, {"TCP_IWND_*", NULL}, {"TCP_LOG*", NULL},
    {"TCP_LRD", NULL}, {"TCP_MAXPEAKRATE", NULL}, {"TCP_MAXUNACKTIME", NULL}, {"TCP_NOPUSH", NULL},
    {"TCP_NO_PRR", NULL}, {"TCP_PACING_*", NULL}, {"TCP_PCAP_*", NULL}, {"TCP_PERF_INFO", NULL},
    {"TCP_PROC_ACCOUNTING", NULL}, {"TCP_REC_ABC_VAL", NULL}, {"TCP_REUSPORT_LB_NUMA", NULL},
    {"TCP_RR_RST_ON_CLOSE", NULL}, {"TCP_RST_REASON_*", NULL}, {"TCP_RXTLS_*", NULL}, {"TCP_RXT_CLAMP", NULL},
    {"TCP_SHARED_CWND_*", NULL}, {"TCP_STATS", NULL}, {"TCP_TIMELY_DYN_ADJ", NULL}, {"TCP_TXTLS_*", NULL},
    {"TCP_USER_LOG", NULL},
    {"EAUTH", NULL}, {"EBADRPC", NULL}, {"ECAPMODE", NULL}, {"EDOOFUS", NULL}, {"EFTYPE", NULL}, {"ENEEDAUTH", NULL},
    {"ENOATTR", NULL}, {"ENOTCAPABLE", NULL}, {"EPROCLIM", NULL}, {"EPROCUNAVAIL", NULL}, {"EPROG*", NULL},
    {"ERPCMISMATCH", NULL},
    /* clang-format on */
};

struct needs {
    const struct need *row;
    size_t count;
};

#define NEEDS(rows) ((struct needs){rows, sizeof(rows) / sizeof((rows)[0])})

static const struct need *need_of(struct needs needs, const char *word) {
    for (size_t i = 0; i < needs.count; i++) {
        size_t len = strlen(needs.row[i].word);
        bool prefix = needs.row[i].word[len - 1] == '*';
        if (prefix ? strncmp(word, needs.row[i].word, len - 1) == 0 : strcmp(word, needs.row[i].word) == 0)
            return &needs.row[i];
    }
    return NULL;
}

/* The first word of an expression that is in a table: what it needs, and the word. */
static const struct need *expr_needs(struct needs needs, const struct drill_expr *expr, unsigned depth,
                                     const char **word) {
    const struct need *need = NULL;
    if (depth > DEPTH_MAX) return NULL;
    *word = expr->text;
    if (expr->kind == DRILL_WORD) return need_of(needs, expr->text);
    for (unsigned i = 0; i < expr->nitems && !need; i++) need = expr_needs(needs, expr->item[i], depth + 1, word);
    return need;
}

static const struct need *arguments_need(struct needs needs, const struct drill_call *spec, const char **word) {
    const struct need *need = NULL;
    for (unsigned i = 0; i < spec->nargs && !need; i++) need = expr_needs(needs, spec->arg[i], 0, word);
    return need;
}

const char *value_needs(const struct drill_call *spec) {
    const char *word;
    const struct need *need = need_of(NEEDS(call_needs), spec->name);
    if (!need) need = arguments_need(NEEDS(word_needs), spec, &word);
    if (!need) need = arguments_need(NEEDS(bsd_needs), spec, &word);
    return need ? need->mechanism : NULL;
}

const char *value_bsd_name(const struct drill_call *spec) {
    const char *word;
    if (arguments_need(NEEDS(bsd_needs), spec, &word)) return word;
    return spec->error && need_of(NEEDS(bsd_needs), spec->error) ? spec->error : NULL;
}

void value_free(struct value_call *value) { drill_arena_free(&value->arena); }
