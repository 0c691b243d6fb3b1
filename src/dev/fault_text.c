/* Fault rules as text, both ways. The grammar stands in dev.h: an action, then words `key=value`. One table names the
 * keys; each has a function that reads its value. A wrong word is reported with its number, itself, and what was
 * expected. */
#include "dev/dev_base.h"
#include "dev/fault.h"

#include <lastack/dev.h>
#include <lastack/segment.h>

#include <stdarg.h>
#include <stdio.h>

/* A piece of the text. */
struct word {
    const char *at;
    size_t len;
};

static bool is(struct word word, const char *text) {
    return strlen(text) == word.len && memcmp(word.at, text, word.len) == 0;
}

/* Takes the part before `mark` off a word; the whole word where there is none. */
static struct word split(struct word *rest, const char *mark) {
    size_t step = strlen(mark);
    struct word part = *rest;
    for (size_t i = 0; i + step <= rest->len; i++) {
        if (memcmp(rest->at + i, mark, step) != 0) continue;
        part.len = i;
        *rest = (struct word){rest->at + i + step, rest->len - i - step};
        return part;
    }
    *rest = (struct word){rest->at + rest->len, 0};
    return part;
}

/* --- Values --- */

static bool number_read(struct word word, uint64_t max, uint64_t *number) {
    uint64_t n = 0;
    if (!word.len) return false;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.at[i];
        if (c < '0' || c > '9') return false;
        unsigned digit = (unsigned)(c - '0');
        if (n > (max - digit) / 10) return false;
        n = n * 10 + digit;
    }
    *number = n;
    return true;
}

static bool small_read(struct word word, unsigned max, unsigned *number) {
    uint64_t n;
    if (!number_read(word, max, &n) || !n) return false;
    *number = (unsigned)n;
    return true;
}

static bool time_read(struct word word, la_time *time) {
    static const struct {
        const char *name;
        la_time ns;
    } unit[] = {{"ns", 1}, {"us", LA_US}, {"ms", LA_MS}, {"s", LA_SECOND}};
    size_t digits = 0;
    uint64_t n;
    while (digits < word.len && word.at[digits] >= '0' && word.at[digits] <= '9') digits++;
    struct word name = {word.at + digits, word.len - digits};
    for (size_t i = 0; i < sizeof unit / sizeof *unit; i++) {
        if (!is(name, unit[i].name)) continue;
        if (!number_read((struct word){word.at, digits}, LA_NEVER / 2 / unit[i].ns, &n) || !n) return false;
        *time = n * unit[i].ns;
        return true;
    }
    return false;
}

/* "0.02" or "2%" in millionths. */
static bool ppm_read(struct word word, uint32_t *ppm) {
    bool percent = word.len && word.at[word.len - 1] == '%';
    if (percent) word.len--;
    struct word fraction = word;
    struct word whole = split(&fraction, ".");
    uint64_t n = 0, scale = percent ? 10000 : 1000000;
    if (!number_read(whole, 100, &n)) return false;
    n *= scale;
    for (size_t i = 0; i < fraction.len; i++) {
        char c = fraction.at[i];
        if (c < '0' || c > '9') return false;
        scale /= 10;
        n += scale * (unsigned)(c - '0');
    }
    *ppm = (uint32_t)n;
    return n > 0 && n <= 1000000;
}

static bool addr_read(struct word word, struct la_addr *addr) {
    char text[LA_ADDR_TEXT];
    if (word.len >= sizeof text) return false;
    memcpy(text, word.at, word.len);
    text[word.len] = 0;
    return la_addr_parse(text, addr);
}

static bool port_read(struct word word, uint16_t *port) {
    unsigned n;
    if (!small_read(word, 65535, &n)) return false;
    *port = (uint16_t)n;
    return true;
}

/* --- Keys --- */

static bool read_nth(struct la_fault_rule *rule, struct word value) {
    struct word last = value;
    struct word first = split(&last, "..");
    if (!number_read(first, UINT64_MAX, &rule->first) || !rule->first) return false;
    if (first.len == value.len) {
        rule->last = rule->first;
        return true;
    }
    rule->last = 0;
    return !last.len || (number_read(last, UINT64_MAX, &rule->last) && rule->last >= rule->first);
}

static bool read_every(struct la_fault_rule *rule, struct word value) {
    return number_read(value, UINT64_MAX, &rule->every) && rule->every;
}

static bool read_p(struct la_fault_rule *rule, struct word value) { return ppm_read(value, &rule->ppm); }

static const struct {
    const char *name;
    uint16_t flag;
} FLAGS[] = {{"FIN", LA_FIN}, {"SYN", LA_SYN}, {"RST", LA_RST}, {"PSH", LA_PSH}, {"ACK", LA_ACK},
             {"URG", LA_URG}, {"ECE", LA_ECE}, {"CWR", LA_CWR}, {"AE", LA_AE}};

static bool read_flags(struct la_fault_rule *rule, struct word value) {
    if (!value.len) return false;
    while (value.len) {
        struct word name = split(&value, "+");
        bool none = name.len && name.at[0] == '!';
        uint16_t flag = 0;
        if (none) name = (struct word){name.at + 1, name.len - 1};
        for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++)
            if (is(name, FLAGS[i].name)) flag = FLAGS[i].flag;
        if (!flag) return false;
        if (none)
            rule->flags_none |= flag;
        else
            rule->flags_all |= flag;
    }
    return !(rule->flags_all & rule->flags_none);
}

static bool read_data(struct la_fault_rule *rule, struct word value) {
    rule->data = is(value, "yes") ? LA_FAULT_DATA_WITH : LA_FAULT_DATA_WITHOUT;
    return is(value, "yes") || is(value, "no");
}

static bool read_dir(struct la_fault_rule *rule, struct word value) {
    rule->dir = is(value, "in") ? LA_DIR_IN : LA_DIR_OUT;
    return is(value, "in") || is(value, "out");
}

static bool read_host(struct la_fault_rule *rule, struct word value) {
    return rule->either.has_addr = addr_read(value, &rule->either.addr);
}

static bool read_src(struct la_fault_rule *rule, struct word value) {
    return rule->src.has_addr = addr_read(value, &rule->src.addr);
}

static bool read_dst(struct la_fault_rule *rule, struct word value) {
    return rule->dst.has_addr = addr_read(value, &rule->dst.addr);
}

static bool read_port(struct la_fault_rule *rule, struct word value) { return port_read(value, &rule->either.port); }
static bool read_sport(struct la_fault_rule *rule, struct word value) { return port_read(value, &rule->src.port); }
static bool read_dport(struct la_fault_rule *rule, struct word value) { return port_read(value, &rule->dst.port); }

static bool read_proto(struct la_fault_rule *rule, struct word value) {
    rule->any_packet = is(value, "any");
    return rule->any_packet || is(value, "tcp");
}

static bool read_by(struct la_fault_rule *rule, struct word value) {
    if (rule->action == LA_FAULT_DELAY) return time_read(value, &rule->delay);
    return rule->action == LA_FAULT_REORDER && small_read(value, 1000000, &rule->distance);
}

static bool read_within(struct la_fault_rule *rule, struct word value) {
    return rule->action == LA_FAULT_REORDER && time_read(value, &rule->delay);
}

static bool read_copies(struct la_fault_rule *rule, struct word value) {
    return rule->action == LA_FAULT_DUPLICATE && small_read(value, 1000, &rule->copies);
}

static bool read_bits(struct la_fault_rule *rule, struct word value) {
    return rule->action == LA_FAULT_CORRUPT && small_read(value, 15, &rule->bits);
}

static bool read_at(struct la_fault_rule *rule, struct word value) {
    rule->place = is(value, "header") ? LA_FAULT_HEADER : LA_FAULT_PAYLOAD;
    return rule->action == LA_FAULT_CORRUPT && (is(value, "header") || is(value, "payload"));
}

static const struct {
    const char *name;
    bool (*read)(struct la_fault_rule *rule, struct word value);
    const char *expects;
} KEYS[] = {
    {"nth", read_nth, "a number from 1, or a range such as 3..7 or 3.."},
    {"every", read_every, "a number from 1"},
    {"p", read_p, "a probability such as 0.02 or 2%"},
    {"flags", read_flags, "FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE joined by +, each with ! for \"not set\""},
    {"data", read_data, "yes or no"},
    {"dir", read_dir, "in or out"},
    {"port", read_port, "a port from 1 to 65535"},
    {"sport", read_sport, "a port from 1 to 65535"},
    {"dport", read_dport, "a port from 1 to 65535"},
    {"host", read_host, "an IP address"},
    {"src", read_src, "an IP address"},
    {"dst", read_dst, "an IP address"},
    {"proto", read_proto, "tcp or any"},
    {"by", read_by, "a time such as 50ms with delay, a number of packets with reorder; no other action has it"},
    {"within", read_within, "a time such as 100ms; only reorder has it"},
    {"copies", read_copies, "a number from 1 to 1000; only duplicate has it"},
    {"bits", read_bits, "a number from 1 to 15; only corrupt has it"},
    {"at", read_at, "header or payload; only corrupt has it"},
};

static const char *const ACTIONS[] = {"drop", "delay", "duplicate", "reorder", "corrupt"};
enum { NACTIONS = sizeof ACTIONS / sizeof *ACTIONS };

static struct word next_word(const char **text) {
    const char *at = *text + strspn(*text, " \t\r\n");
    struct word word = {at, strcspn(at, " \t\r\n")};
    *text = at + word.len;
    return word;
}

/* Writes the message; false for the caller to return. */
static bool wrong(char *error, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (size) vsnprintf(error, size, format, arguments);
    va_end(arguments);
    return false;
}

static bool read_action(struct word word, struct la_fault_rule *rule) {
    for (unsigned i = 0; i < NACTIONS; i++) {
        if (!is(word, ACTIONS[i])) continue;
        rule->action = (enum la_fault_action)i;
        return true;
    }
    return false;
}

/* One `key=value`. */
static bool read_word(struct word word, unsigned n, struct la_fault_rule *rule, char *error, size_t size) {
    int shown = word.len < 40 ? (int)word.len : 40;
    struct word value = word;
    struct word key = split(&value, "=");
    if (key.len == word.len)
        return wrong(error, size, "word %u, \"%.*s\": expected key=value, such as nth=1", n, shown, word.at);
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (!is(key, KEYS[i].name)) continue;
        if (KEYS[i].read(rule, value)) return true;
        return wrong(error, size, "word %u, \"%.*s\": expected %s", n, shown, word.at, KEYS[i].expects);
    }
    return wrong(error, size,
                 "word %u, \"%.*s\": unknown key; known are nth every p flags data dir port sport dport host src dst "
                 "proto by within copies bits at",
                 n, shown, word.at);
}

bool la_fault_parse(const char *text, struct la_fault_rule *rule, char *error, size_t size) {
    memset(rule, 0, sizeof *rule);
    if (size) error[0] = 0;
    struct word word = next_word(&text);
    int shown = word.len < 40 ? (int)word.len : 40;
    if (!word.len) return wrong(error, size, "no rule: expected drop, delay, duplicate, reorder or corrupt");
    if (!read_action(word, rule))
        return wrong(error, size, "word 1, \"%.*s\": expected drop, delay, duplicate, reorder or corrupt", shown,
                     word.at);
    for (unsigned n = 2; (word = next_word(&text)).len; n++)
        if (!read_word(word, n, rule, error, size)) return false;
    return true;
}

/* --- Writing --- */

struct text {
    char *to;
    size_t size, len;
};

static void add(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t left = text->len < text->size ? text->size - text->len : 0;
    int n = vsnprintf(left ? text->to + text->len : NULL, left, format, arguments);
    va_end(arguments);
    if (n > 0) text->len += (size_t)n;
}

static void add_end(struct text *text, const char *addr, const char *port, const struct la_fault_end *end) {
    char name[LA_ADDR_TEXT];
    la_addr_format(&end->addr, name, sizeof name);
    if (end->has_addr) add(text, " %s=%s", addr, name);
    if (end->port) add(text, " %s=%u", port, end->port);
}

static void add_flags(struct text *text, const struct la_fault_rule *rule) {
    const char *mark = " flags=";
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++) {
        bool all = rule->flags_all & FLAGS[i].flag, none = rule->flags_none & FLAGS[i].flag;
        if (!all && !none) continue;
        add(text, "%s%s%s", mark, none ? "!" : "", FLAGS[i].name);
        mark = "+";
    }
}

static void add_time(struct text *text, const char *key, la_time time) {
    if (time % LA_SECOND == 0)
        add(text, " %s=%llus", key, (unsigned long long)(time / LA_SECOND));
    else if (time % LA_MS == 0)
        add(text, " %s=%llums", key, (unsigned long long)(time / LA_MS));
    else
        add(text, " %s=%lluns", key, (unsigned long long)time);
}

static void add_which(struct text *text, const struct la_fault_rule *rule) {
    unsigned long long first = rule->first ? rule->first : 1, last = rule->last;
    if (rule->first || rule->last) add(text, last == first ? " nth=%llu" : " nth=%llu..", first);
    if (last && last != first) add(text, "%llu", last);
    if (rule->every) add(text, " every=%llu", (unsigned long long)rule->every);
    if (rule->ppm) add(text, " p=%u.%06u", rule->ppm / 1000000, rule->ppm % 1000000);
}

size_t la_fault_text(const struct la_fault_rule *rule, char *to, size_t size) {
    struct text text = {to, size, 0};
    add(&text, "%s", ACTIONS[(unsigned)rule->action % NACTIONS]);
    add_which(&text, rule);
    add_flags(&text, rule);
    if (rule->data) add(&text, " data=%s", rule->data == LA_FAULT_DATA_WITH ? "yes" : "no");
    if (rule->dir) add(&text, " dir=%s", rule->dir == LA_DIR_IN ? "in" : "out");
    add_end(&text, "src", "sport", &rule->src);
    add_end(&text, "dst", "dport", &rule->dst);
    add_end(&text, "host", "port", &rule->either);
    if (rule->any_packet) add(&text, " proto=any");
    if (rule->distance) add(&text, " by=%u", rule->distance);
    if (rule->delay) add_time(&text, rule->action == LA_FAULT_REORDER ? "within" : "by", rule->delay);
    if (rule->copies) add(&text, " copies=%u", rule->copies);
    if (rule->bits) add(&text, " bits=%u", rule->bits);
    if (rule->place) add(&text, " at=%s", rule->place == LA_FAULT_HEADER ? "header" : "payload");
    return text.len;
}
