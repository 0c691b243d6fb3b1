/* TCP options as scripts write them, from behind their '<' to their '>':
 *
 *     options: ... | option, … | all bytes in hex
 *     option:  name [value …]
 *
 * One table has both grammars' names, with the function that reads what stands behind the name. Out come the options of
 * a struct drill_packet. Each value is checked against its field, and all of them against the header: they are encoded
 * once to see that they fill 32-bit words and fit. */
#include <string.h>

#include "packet_option.h"
#include "parse.h"

#define EXPERIMENTAL 254 /* RFC 6994: two bytes behind kind and length say which. */

enum { ACC_ECN0 = 172, ACC_ECN1 = 174, EXID_ACC_ECN0 = 0xacc0, EXID_ACC_ECN1 = 0xacc1, EXID_TARR = 0x00ac };

static void put_bytes(struct drill_tcp_option *option, uint32_t number, unsigned count) {
    while (count-- > 0) option->bytes[option->nbytes++] = (uint8_t)(number >> (8 * count));
}

/* Hex digits from a text, appended until the option has `max` bytes. */
static bool add_hex(struct parser *p, struct drill_tcp_option *option, unsigned max) {
    const struct lex_token token = p->token;
    if (token.len % 2 != 0) return parse_fail(p, &token, "an odd number of hex digits");
    if (token.len / 2 > max - option->nbytes) return parse_fail(p, &token, "more than %u bytes in a TCP option", max);
    for (size_t i = 0; i < token.len; i += 2) {
        int high = lex_hex_digit(token.text[i]), low = lex_hex_digit(token.text[i + 1]);
        if (high < 0 || low < 0) return parse_expected(p, "hex digits");
        option->bytes[option->nbytes++] = (uint8_t)(high * 16 + low);
    }
    parse_next(p);
    return true;
}

static bool is_hex_blob(const struct lex_token *token) {
    return token->kind == LEX_WORD || token->kind == LEX_INTEGER || token->kind == LEX_STRING;
}

/* --- One function per option; its name was read --- */

typedef bool read_option(struct parser *p, struct drill_tcp_option *option);

static bool read_mss(struct parser *p, struct drill_tcp_option *option) {
    uint16_t mss = 0;
    bool ok = parse_u16(p, "an MSS", &mss);
    option->value = mss;
    return ok;
}

static bool read_wscale(struct parser *p, struct drill_tcp_option *option) {
    uint8_t shift = 0;
    bool ok = parse_u8(p, "a window scale", &shift);
    option->value = shift;
    return ok;
}

static bool read_sack(struct parser *p, struct drill_tcp_option *option) {
    const unsigned max = sizeof option->block / sizeof option->block[0];
    do {
        if (option->nblocks == max) return parse_fail(p, &p->token, "more than %u SACK blocks", max);
        struct drill_sack_block *block = &option->block[option->nblocks++];
        if (!parse_u32(p, "the left edge of a SACK block", &block->from) ||
            !parse_char(p, ':', "behind the left edge of a SACK block") ||
            !parse_u32(p, "the right edge of a SACK block", &block->to)) {
            return false;
        }
    } while (parse_is_integer(&p->token));
    return true;
}

/* A number, or ... for any. */
static bool read_or_any(struct parser *p, const char *what, uint32_t *number, bool *any) {
    *any = p->token.kind == LEX_ELLIPSIS;
    if (!*any) return parse_u32(p, what, number);
    parse_next(p);
    return true;
}

static bool read_ts(struct parser *p, struct drill_tcp_option *option) {
    if (!parse_accept_word(p, "val")) return parse_expected(p, "val behind TS");
    if (!read_or_any(p, "a TS val", &option->value, &option->value_any)) return false;
    if (!parse_accept_word(p, "ecr")) return parse_expected(p, "ecr behind a TS val");
    if (!read_or_any(p, "a TS ecr", &option->ecr, &option->ecr_any)) return false;
    option->ecr_absolute = parse_accept(p, '!');
    return true;
}

static bool read_md5(struct parser *p, struct drill_tcp_option *option) {
    if (parse_accept_word(p, "valid")) return true;
    return is_hex_blob(&p->token) ? add_hex(p, option, 16) : parse_expected(p, "a digest in hex, or valid, behind md5");
}

/* Bytes that may be missing. */
static bool read_cookie(struct parser *p, struct drill_tcp_option *option) {
    unsigned max = option->kind == DRILL_OPT_FOEXP ? TCP_OPTIONS_MAX - 4 : TCP_OPTIONS_MAX - 2;
    return !is_hex_blob(&p->token) || add_hex(p, option, max);
}

/* Counters of 24 bits in the order of their names, from the first on; the later ones may be missing. */
static bool read_counters(struct parser *p, struct drill_tcp_option *option, const char *const names[3]) {
    for (unsigned i = 0; i < 3 && parse_accept_word(p, names[i]); i++) {
        uint64_t count = 0;
        if (!parse_number(p, 0xffffff, "an AccECN counter", &count)) return false;
        put_bytes(option, (uint32_t)count, 3);
    }
    return true;
}

static const char *const order0[] = {"ee0b", "eceb", "ee1b"}, *const order1[] = {"ee1b", "eceb", "ee0b"};

/* Google's notation says by its first counter which of the two kinds it is. */
static bool read_ecn(struct parser *p, struct drill_tcp_option *option) {
    static const char *const names0[] = {"e0b", "ceb", "e1b"}, *const names1[] = {"e1b", "ceb", "e0b"};
    bool first = lex_is_word(&p->token, "e0b");
    if (!first && !lex_is_word(&p->token, "e1b")) return parse_expected(p, "e0b or e1b behind ECN");
    option->value = first ? ACC_ECN0 : ACC_ECN1;
    return read_counters(p, option, first ? names0 : names1);
}

static bool read_acc_ecn0(struct parser *p, struct drill_tcp_option *option) {
    option->value = ACC_ECN0;
    return read_counters(p, option, order0);
}

static bool read_acc_ecn1(struct parser *p, struct drill_tcp_option *option) {
    option->value = ACC_ECN1;
    return read_counters(p, option, order1);
}

static void begin_experimental(struct drill_tcp_option *option, unsigned exid) {
    option->value = EXPERIMENTAL;
    put_bytes(option, exid, 2);
}

static bool read_exp_acc_ecn0(struct parser *p, struct drill_tcp_option *option) {
    begin_experimental(option, EXID_ACC_ECN0);
    return read_counters(p, option, order0);
}

static bool read_exp_acc_ecn1(struct parser *p, struct drill_tcp_option *option) {
    begin_experimental(option, EXID_ACC_ECN1);
    return read_counters(p, option, order1);
}

/* TCP ACK rate request: seven bits of rate, and one that is reserved. */
static bool read_tarr(struct parser *p, struct drill_tcp_option *option) {
    uint64_t rate = 0;
    begin_experimental(option, EXID_TARR);
    if (!parse_is_integer(&p->token)) return true;
    if (!parse_number(p, 127, "an ACK rate", &rate)) return false;
    put_bytes(option, (uint32_t)rate << 1, 1);
    return true;
}

static const struct {
    const char *name;
    enum drill_option_kind kind;
    read_option *read; /* NULL: the name is all. */
} table[] = {
    {"nop", DRILL_OPT_NOP, NULL},
    {"eol", DRILL_OPT_EOL, NULL},
    {"mss", DRILL_OPT_MSS, read_mss},
    {"wscale", DRILL_OPT_WSCALE, read_wscale},
    {"sackOK", DRILL_OPT_SACKOK, NULL},
    {"sack", DRILL_OPT_SACK, read_sack},
    {"TS", DRILL_OPT_TS, read_ts},
    {"md5", DRILL_OPT_MD5, read_md5},
    {"FO", DRILL_OPT_FO, read_cookie},
    {"FOEXP", DRILL_OPT_FOEXP, read_cookie},
    {"exp-FO", DRILL_OPT_FOEXP, read_cookie},
    {"EXP-FO", DRILL_OPT_FOEXP, read_cookie},
    {"ECN", DRILL_OPT_ECN, read_ecn},
    {"AccECN0", DRILL_OPT_ECN, read_acc_ecn0},
    {"AccECN1", DRILL_OPT_ECN, read_acc_ecn1},
    {"exp-AccECN0", DRILL_OPT_GENERIC, read_exp_acc_ecn0},
    {"exp-AccECN1", DRILL_OPT_GENERIC, read_exp_acc_ecn1},
    {"exp-tarr", DRILL_OPT_GENERIC, read_tarr},
};

/* --- Lists --- */

/* The digits behind "gen-" (decimal) or "exp-" (hex) as a number. False: there are none, or too many. */
static bool name_number(const struct lex_token *name, unsigned base, unsigned max, unsigned *number) {
    *number = 0;
    for (size_t i = 4; i < name->len; i++) {
        int digit = lex_hex_digit(name->text[i]);
        if (digit < 0 || (unsigned)digit >= base) return false;
        *number = *number * base + (unsigned)digit;
        if (*number > max) return false;
    }
    return name->len > 4;
}

/* gen-KIND bytes, exp-ID bytes. False, with nothing read: `name` is no such name. */
static bool is_generic(const struct lex_token *name, struct drill_tcp_option *option) {
    unsigned number = 0;
    bool exp = name->len > 4 && memcmp(name->text, "exp-", 4) == 0;
    bool gen = name->len > 4 && memcmp(name->text, "gen-", 4) == 0;
    if (!(exp && name_number(name, 16, UINT16_MAX, &number)) && !(gen && name_number(name, 10, UINT8_MAX, &number))) {
        return false;
    }
    option->kind = DRILL_OPT_GENERIC;
    option->value = number;
    if (exp) begin_experimental(option, number);
    return true;
}

/* Reads one option. A name may contain dashes, which other words may not. */
static bool tcp_option(struct parser *p, struct drill_tcp_option *option) {
    struct lex_token name = p->token;
    struct lexer behind = p->lex;
    read_option *read = NULL;
    bool known = false;
    lex_run(&behind, &name, "-");
    for (size_t i = 0; i < sizeof table / sizeof table[0] && !known; i++) {
        if (!lex_is_word(&name, table[i].name)) continue;
        known = true;
        option->kind = table[i].kind;
        read = table[i].read;
    }
    if (!known && name.kind == LEX_WORD && is_generic(&name, option)) {
        known = true;
        read = read_cookie;
    }
    if (!known) return parse_expected(p, "a TCP option");
    p->lex = behind;
    parse_next(p);
    return !read || read(p, option);
}

/* All options as one run of hex digits. What does not read as options cannot be kept. */
static bool raw_options(struct parser *p, struct drill_packet *packet) {
    struct drill_tcp_option raw = {0};
    if (!add_hex(p, &raw, TCP_OPTIONS_MAX)) return false;
    if (!options_decode(raw.bytes, raw.nbytes, packet)) p->script->not_applicable = "TCP options that are malformed";
    return true;
}

static bool named_options(struct parser *p, struct drill_packet *packet) {
    do {
        if (packet->noptions == DRILL_OPTIONS) return parse_fail(p, &p->token, "more than %u options", DRILL_OPTIONS);
        if (!tcp_option(p, &packet->option[packet->noptions])) return false;
        packet->noptions++;
    } while (parse_accept(p, ','));
    return true;
}

/* Whether it is "<hex>": a single word of hex digits. */
static bool is_raw(const struct parser *p) {
    struct lex_token behind = parse_peek(p);
    if (!is_hex_blob(&p->token) || !lex_is_char(&behind, '>') || p->token.len < 2) return false;
    for (size_t i = 0; i < p->token.len; i++) {
        if (lex_hex_digit(p->token.text[i]) < 0) return false;
    }
    return true;
}

bool parse_tcp_options(struct parser *p, struct drill_packet *packet) {
    struct lex_token begin = p->token;
    uint8_t bytes[TCP_OPTIONS_MAX];
    char why[120];
    if (p->token.kind == LEX_ELLIPSIS) {
        if (packet->inbound) return parse_fail(p, &begin, "<...> is for outbound packets only");
        packet->options_any = true;
        parse_next(p);
        return parse_char(p, '>', "behind <...");
    }
    bool raw = is_raw(p);
    if (raw ? !raw_options(p, packet) : !named_options(p, packet)) return false;
    struct drill_text error = drill_text_in(why, sizeof why);
    if (!raw && !options_len_ok(options_encode(packet, bytes), &error)) return parse_fail(p, &begin, "%s", why);
    return parse_char(p, '>', "or ',' behind a TCP option");
}
