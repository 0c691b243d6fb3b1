/* Calls and expressions. Structures need no grammar of their own: { … } holds values with or without a name, and what
 * names and functions mean is the business of who turns a call into memory.
 *
 *     call:    name(value, …) = value [errno] [(note)] …
 *     value:   shift ['|' value]          shift: primary ['<<' primary] …
 *     primary: ... | number | word | "text" … | "text"... | [value, …] | {field, …} | word(value, …) | word = value
 *     field:   [word[(value, …)] =] value */
#include "parse.h"

#include <string.h>

#include "text.h"

static struct drill_expr *value(struct parser *p);

/* Values collected one by one. */
struct list {
    struct drill_expr **item;
    unsigned count, room;
};

static bool list_add(struct parser *p, struct list *list, struct drill_expr *expr) {
    if (!expr) return false;
    if (list->count == list->room) {
        unsigned room = list->room == 0 ? 4 : list->room * 2;
        struct drill_expr **item = parse_new(p, room * sizeof *item);
        if (!item) return false;
        if (list->count > 0) memcpy(item, list->item, list->count * sizeof *item);
        list->item = item;
        list->room = room;
    }
    list->item[list->count++] = expr;
    return true;
}

static struct drill_expr *expr_new(struct parser *p, enum drill_expr_kind kind, const struct lex_token *at) {
    struct drill_expr *expr = parse_new(p, sizeof *expr);
    if (!expr) return NULL;
    expr->kind = kind;
    expr->line = at->line;
    expr->column = at->column;
    return expr;
}

/* An expression that a word names. The word is not read yet. */
static struct drill_expr *expr_named(struct parser *p, enum drill_expr_kind kind) {
    struct drill_expr *expr = expr_new(p, kind, &p->token);
    if (!expr) return NULL;
    expr->text = parse_text(p, p->token.text, p->token.len);
    expr->len = p->token.len;
    parse_next(p);
    return expr->text ? expr : NULL;
}

static struct drill_expr *with_items(struct drill_expr *expr, const struct list *list) {
    expr->item = list->item;
    expr->nitems = list->count;
    return expr;
}

static struct drill_expr *pair(struct parser *p, enum drill_expr_kind kind, struct drill_expr *left,
                               struct drill_expr *right) {
    struct list list = {0};
    if (!left || !right) return NULL;
    struct lex_token at = {.line = left->line, .column = left->column};
    struct drill_expr *expr = expr_new(p, kind, &at);
    if (!expr || !list_add(p, &list, left) || !list_add(p, &list, right)) return NULL;
    return with_items(expr, &list);
}

/* --- Strings --- */

/* The character that the escape behind a backslash stands for; -1: there is none. `*used`: how long the escape is. */
static int unescape(const char *text, size_t len, size_t *used) {
    static const char letters[] = "\\\"'fnrtv0", meant[] = "\\\"'\f\n\r\t\v";
    if (len == 0) return -1;
    *used = 1;
    if (text[0] == 'x') {
        int high = len > 2 ? lex_hex_digit(text[1]) : -1, low = len > 2 ? lex_hex_digit(text[2]) : -1;
        *used = 3;
        return high < 0 || low < 0 ? -1 : high * 16 + low;
    }
    const char *found = memchr(letters, text[0], sizeof letters - 1);
    return found ? (unsigned char)meant[found - letters] : -1;
}

/* The length of the string tokens that stand here, one behind the other. */
static size_t strings_len(const struct parser *p) {
    struct lexer ahead = p->lex;
    size_t len = 0;
    for (struct lex_token token = p->token; token.kind == LEX_STRING; token = lex_next(&ahead)) len += token.len;
    return len;
}

/* Appends a string token's text to what `text` holds of the expression, escapes done. */
static bool add_string(struct parser *p, struct drill_expr *expr, char *text) {
    const struct lex_token *token = &p->token;
    for (size_t i = 0; i < token->len; i++) {
        size_t used = 0;
        int c = token->text[i] == '\\' ? unescape(token->text + i + 1, token->len - i - 1, &used) : token->text[i];
        if (token->text[i] == '\\' && c < 0) return parse_fail(p, token, "an unknown escape in a string");
        text[expr->len++] = (char)c;
        i += used;
    }
    parse_next(p);
    return true;
}

static struct drill_expr *string(struct parser *p) {
    struct drill_expr *expr = expr_new(p, DRILL_STRING, &p->token);
    char *text = expr ? parse_new(p, strings_len(p) + 1) : NULL;
    if (!text) return NULL;
    expr->text = text;
    do {
        if (!add_string(p, expr, text)) return NULL;
    } while (p->token.kind == LEX_STRING);
    if (p->token.kind != LEX_ELLIPSIS) return expr;
    expr->kind = DRILL_STRING_MORE;
    parse_next(p);
    return expr;
}

/* --- Lists and structures --- */

/* Values up to `close`, which is read too; the opening bracket was read. */
static bool values(struct parser *p, char close, struct list *list) {
    if (parse_accept(p, close)) return true;
    do {
        if (!list_add(p, list, value(p))) return false;
    } while (parse_accept(p, ','));
    return parse_char(p, close, "or ',' behind a value");
}

/* A call, or with '=' behind it a field with arguments: msg_iov(2)=[…]. */
static struct drill_expr *call_or_field(struct parser *p, bool in_struct) {
    struct list list = {0}, field = {0};
    struct drill_expr *expr = expr_named(p, DRILL_CALL);
    if (!expr || !parse_char(p, '(', "behind a name") || !values(p, ')', &list)) return NULL;
    if (!in_struct || !parse_accept(p, '=')) return with_items(expr, &list);
    expr->kind = DRILL_FIELD;
    if (!list_add(p, &field, value(p))) return NULL;
    for (unsigned i = 0; i < list.count; i++) {
        if (!list_add(p, &field, list.item[i])) return NULL;
    }
    return with_items(expr, &field);
}

/* NAME = value. */
static struct drill_expr *named_value(struct parser *p, enum drill_expr_kind kind) {
    struct list list = {0};
    struct drill_expr *expr = expr_named(p, kind);
    parse_next(p);
    if (!expr || !list_add(p, &list, value(p))) return NULL;
    return with_items(expr, &list);
}

static struct drill_expr *field(struct parser *p) {
    struct lex_token behind = p->token.kind == LEX_WORD ? parse_peek(p) : p->token;
    if (p->token.kind != LEX_WORD) return value(p);
    if (lex_is_char(&behind, '=')) return named_value(p, DRILL_FIELD);
    if (lex_is_char(&behind, '(')) return call_or_field(p, true);
    return value(p);
}

/* Whether a tunnel header stands in the braces: { (label …) … }, { flags … }. They have a notation of their own. */
static bool is_tunnel(const struct parser *p) {
    struct lex_token behind = parse_peek(p);
    return lex_is_char(&p->token, '(') || (lex_is_word(&p->token, "flags") && !lex_is_char(&behind, '='));
}

static struct drill_expr *structure(struct parser *p) {
    struct list list = {0};
    struct drill_expr *expr = expr_new(p, DRILL_STRUCT, &p->token);
    struct parser begin = *p;
    parse_next(p);
    if (!expr) return NULL;
    if (is_tunnel(p)) {
        *p = begin;
        p->script->not_applicable = "a GRE or MPLS header as a value";
        return parse_skip_group(p, '{', '}') ? expr : NULL;
    }
    do {
        if (!list_add(p, &list, field(p))) return NULL;
    } while (parse_accept(p, ','));
    if (!parse_char(p, '}', "or ',' behind a field")) return NULL;
    return with_items(expr, &list);
}

/* --- Values --- */

static struct drill_expr *integer(struct parser *p) {
    bool fits;
    struct drill_expr *expr = expr_new(p, DRILL_INTEGER, &p->token);
    if (!expr) return NULL;
    expr->integer = parse_integer(&p->token, &fits);
    expr->hex = p->token.kind == LEX_HEX;
    if (!fits) {
        parse_fail(p, &p->token, "a number of more than 64 bits");
        return NULL;
    }
    parse_next(p);
    return expr;
}

static struct drill_expr *word(struct parser *p) {
    struct lex_token behind = parse_peek(p);
    if (lex_is_char(&behind, '(')) return call_or_field(p, false);
    if (lex_is_char(&behind, '=')) return named_value(p, DRILL_ASSIGN);
    return expr_named(p, DRILL_WORD);
}

static struct drill_expr *list(struct parser *p) {
    struct list items = {0};
    struct drill_expr *expr = expr_new(p, DRILL_LIST, &p->token);
    parse_next(p);
    return expr && values(p, ']', &items) ? with_items(expr, &items) : NULL;
}

static struct drill_expr *primary(struct parser *p) {
    if (parse_is_integer(&p->token)) return integer(p);
    if (p->token.kind == LEX_WORD) return word(p);
    if (p->token.kind == LEX_STRING) return string(p);
    if (lex_is_char(&p->token, '[')) return list(p);
    if (lex_is_char(&p->token, '{')) return structure(p);
    if (p->token.kind == LEX_ELLIPSIS) {
        struct drill_expr *expr = expr_new(p, DRILL_ELLIPSIS, &p->token);
        parse_next(p);
        return expr;
    }
    parse_expected(p, "a value");
    return NULL;
}

static bool accept_shift(struct parser *p) {
    struct lex_token second = parse_peek(p);
    if (!lex_is_char(&p->token, '<') || !lex_is_char(&second, '<') || second.begin != p->token.begin + 1) return false;
    parse_next(p);
    parse_next(p);
    return true;
}

static struct drill_expr *shift(struct parser *p) {
    struct drill_expr *left = primary(p);
    while (left && accept_shift(p)) left = pair(p, DRILL_SHIFT_LEFT, left, primary(p));
    return left;
}

static struct drill_expr *value(struct parser *p) {
    if (p->depth == PARSE_DEPTH) {
        parse_fail(p, &p->token, "values nested too deeply");
        return NULL;
    }
    p->depth++;
    struct drill_expr *left = shift(p);
    while (left && parse_accept(p, '|')) left = pair(p, DRILL_OR, left, shift(p));
    p->depth--;
    return left;
}

/* --- Calls --- */

/* What stands behind a result: EAGAIN (words), or (words), or nothing. */
static bool outcome(struct parser *p, struct drill_call *call) {
    if (p->token.kind == LEX_WORD) {
        call->error = parse_text(p, p->token.text, p->token.len);
        if (!call->error) return false;
        parse_next(p);
    }
    while (lex_is_char(&p->token, '(')) {
        struct lex_token note = lex_note(&p->lex);
        if (note.kind == LEX_BAD) return parse_fail(p, &p->token, "%.*s", (int)note.len, note.text);
        if (!call->note) call->note = parse_text(p, note.text, note.len);
        if (!call->note) return false;
        parse_next(p);
    }
    return true;
}

struct drill_call *parse_call(struct parser *p) {
    struct list args = {0};
    struct drill_call *call = parse_new(p, sizeof *call);
    if (!call) return NULL;
    if (p->token.kind != LEX_WORD) {
        parse_expected(p, "the name of a call");
        return NULL;
    }
    call->name = parse_text(p, p->token.text, p->token.len);
    parse_next(p);
    if (!call->name || !parse_char(p, '(', "behind the name of a call") || !values(p, ')', &args)) return NULL;
    call->arg = args.item;
    call->nargs = args.count;
    if (!parse_char(p, '=', "and a result behind a call")) return NULL;
    call->result = value(p);
    return call->result && outcome(p, call) ? call : NULL;
}
