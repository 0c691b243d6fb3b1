/* grep for the small shell.
 *
 * A pattern is a row of items, each a set of bytes that stands once, perhaps, or any number of times; x+ is xx*. All
 * ways to match are followed at once, one bit for each item reached, so that no pattern takes more than
 * items × length. Groups, alternatives, intervals and classes by name are left to the real grep. */
#include "shell_grep.h"

#include <ctype.h>
#include <string.h>

/* --- Patterns --- */

static void set_add(uint8_t set[32], unsigned char c, bool fold) {
    set[c / 8] |= (uint8_t)(1u << c % 8);
    if (!fold) return;
    unsigned char low = (unsigned char)tolower(c), high = (unsigned char)toupper(c);
    set[low / 8] |= (uint8_t)(1u << low % 8);
    set[high / 8] |= (uint8_t)(1u << high % 8);
}

static bool set_has(const uint8_t set[32], unsigned char c) { return set[c / 8] >> c % 8 & 1; }

/* "[a-z_]", from behind the bracket. Returns what follows, NULL for what is not known here. */
static const char *read_set(const char *at, uint8_t set[32], bool fold) {
    bool invert = *at == '^';
    if (invert) at++;
    for (bool first = true; first || *at != ']'; first = false) {
        unsigned char from = (unsigned char)*at, to = from;
        if (!from || (from == '[' && at[1] && strchr(":.=", at[1]))) return NULL;
        if (at[1] == '-' && at[2] && at[2] != ']') {
            to = (unsigned char)at[2];
            at += 2;
        }
        if (from > to || to > 126) return NULL;
        for (unsigned c = from; c <= to; c++) set_add(set, (unsigned char)c, fold);
        at++;
    }
    for (unsigned i = 0; i < 32 && invert; i++) set[i] = (uint8_t)~set[i];
    return at + 1;
}

/* One item without what says how often. Returns what follows. */
static const char *read_item(const char *at, uint8_t set[32], const struct grep *grep, bool extended) {
    unsigned char c = (unsigned char)*at++;
    if (c == '[') return read_set(at, set, grep->fold);
    if (c == '.') {
        memset(set, 0xff, 32);
        return at;
    }
    if (c == '\\') {
        c = (unsigned char)*at++;
        if (!c || !strchr(".*[]^$\\/-:", c)) return NULL; /* \( \+ \w … */
    } else if (c == '*' || c == '^' || c == '$' || (extended && strchr("+?(){}|", c))) {
        return NULL;
    }
    set_add(set, c, grep->fold);
    return at;
}

static bool add(struct grep *grep, const uint8_t set[32], enum grep_times times) {
    if (grep->items == GREP_ITEMS) return false;
    memcpy(grep->set[grep->items], set, 32);
    grep->times[grep->items++] = (uint8_t)times;
    return true;
}

static bool read_pattern(struct grep *grep, const char *at, bool extended, bool fixed) {
    if (strchr(at, '\n')) return false;
    if (!fixed && *at == '^') {
        grep->at_begin = true;
        at++;
    }
    while (*at) {
        uint8_t set[32] = {0};
        if (!fixed && at[0] == '$' && !at[1]) {
            grep->at_end = true;
            return true;
        }
        if (fixed)
            set_add(set, (unsigned char)*at++, grep->fold);
        else if ((at = read_item(at, set, grep, extended)) == NULL)
            return false;
        bool star = !fixed && *at == '*', plus = !fixed && extended && *at == '+';
        bool maybe = !fixed && extended && *at == '?';
        if (star || plus || maybe) at++;
        if (plus && !add(grep, set, GREP_ONCE)) return false;
        if (!add(grep, set, star || plus ? GREP_ANY : maybe ? GREP_MAYBE : GREP_ONCE)) return false;
    }
    return true;
}

bool grep_read(struct grep *grep, int argc, const char *const *argv) {
    bool extended = !strcmp(argv[0], "egrep"), fixed = !strcmp(argv[0], "fgrep");
    const char *pattern = NULL;
    int n = 1;
    *grep = (struct grep){.count = false};
    for (; n < argc && argv[n][0] == '-' && argv[n][1]; n++) {
        if (!strcmp(argv[n], "--")) {
            n++;
            break;
        }
        for (const char *c = argv[n] + 1; *c; c++) switch (*c) {
            case 'c': grep->count = true; break;
            case 'q': grep->quiet = true; break;
            case 'v': grep->invert = true; break;
            case 'i': grep->fold = true; break;
            case 'E': extended = true; break;
            case 'F': fixed = true; break;
            case 'e':
                if (c[1] || pattern || n + 1 == argc) return false;
                pattern = argv[++n];
                c = "e"; /* This word is over. */
                break;
            default: return false;
            }
    }
    if (extended && fixed) return false;
    if (!pattern && n < argc) pattern = argv[n++];
    grep->files = n;
    return pattern && read_pattern(grep, pattern, extended, fixed);
}

/* --- Matching --- */

/* With what is reached without a byte more. */
static uint64_t closed(const struct grep *grep, uint64_t reached) {
    for (unsigned i = 0; i < grep->items; i++)
        if (reached >> i & 1 && grep->times[i] != GREP_ONCE) reached |= UINT64_C(1) << (i + 1);
    return reached;
}

static bool matches(const struct grep *grep, const char *line, size_t len) {
    const uint64_t end = UINT64_C(1) << grep->items;
    uint64_t reached = closed(grep, 1);
    for (size_t at = 0;; at++) {
        if (reached & end && (!grep->at_end || at == len)) return true;
        if (at == len) return false;
        uint64_t next = grep->at_begin ? 0 : 1;
        for (unsigned i = 0; i < grep->items; i++)
            if (reached >> i & 1 && set_has(grep->set[i], (unsigned char)line[at]))
                next |= UINT64_C(1) << (grep->times[i] == GREP_ANY ? i : i + 1);
        reached = closed(grep, next);
    }
}

unsigned grep_text(const struct grep *grep, const char *text, const char *name, struct drill_text *out) {
    unsigned selected = 0;
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (matches(grep, text, len) != grep->invert) {
            selected++;
            if (!grep->count && !grep->quiet) {
                if (name) drill_text_add(out, "%s:", name);
                drill_text_bytes(out, text, len);
                drill_text_add(out, "\n");
            }
        }
        text += len + (text[len] == '\n');
    }
    if (grep->count && !grep->quiet) drill_text_add(out, name ? "%s:%u\n" : "%.0s%u\n", name ? name : "", selected);
    return selected;
}
