#include "symbols.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "value.h"

struct symbol {
    const char *name;
    int64_t value;
};

static const struct symbol symbols[] = {
#define SYMBOL(name, value) {#name, value},
#include "symbols.def"
#undef SYMBOL
};

#define SYMBOLS (sizeof symbols / sizeof symbols[0])

bool symbol_value(const char *name, int64_t *value) {
    size_t low = 0, high = SYMBOLS;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, symbols[middle].name);
        if (order == 0) {
            *value = symbols[middle].value;
            return true;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return false;
}

const char *symbol_private_name(int64_t value) {
    if (value == LA_TCP_KEEPINIT) return "TCP_KEEPINIT";
    return value == LA_TCP_NOOPT ? "TCP_NOOPT" : NULL;
}

static bool is_errno(const char *name) { return name[0] == 'E' && strncmp(name, "EPOLL", 5) != 0; }

/* Of two names for one number the first in the alphabet is the usual one, but for this. */
static bool is_alias(const char *name) { return strcmp(name, "ENOTSUP") == 0; }

const char *symbol_errno(int error) {
    for (size_t i = 0; i < SYMBOLS; i++) {
        const struct symbol *symbol = &symbols[i];
        if (symbol->value == error && is_errno(symbol->name) && !is_alias(symbol->name)) return symbol->name;
    }
    return NULL;
}

void symbol_flags(const char *prefix, uint32_t flags, struct drill_text *text) {
    size_t prefix_len = strlen(prefix);
    uint32_t left = flags;
    const char *bar = "";
    for (size_t i = 0; i < SYMBOLS && left != 0; i++) {
        int64_t value = symbols[i].value;
        if (strncmp(symbols[i].name, prefix, prefix_len) != 0) continue;
        if (value <= 0 || value > UINT32_MAX || (value & (value - 1)) != 0) continue;
        if ((left & (uint32_t)value) == 0) continue;
        drill_text_add(text, "%s%s", bar, symbols[i].name);
        left &= ~(uint32_t)value;
        bar = "|";
    }
    if (left != 0 || flags == 0) drill_text_add(text, left == 0 ? "%s0" : "%s0x%" PRIx32, bar, left);
}
