/* The lexer. In goes a script's text, out come tokens that point into it (or into a define's value). It owns nothing.
 *
 * Where lexers of this language differ from what C suggests, this one does as they do, because scripts depend on it:
 * - The longest token wins: "12ab" is a word, "-1" a number, "1.5" a decimal.
 * - In a C comment a star takes the character behind it with it, unless that is '/': an even run of stars before '/'
 *   does not end the comment. Likewise '}' before "}%" in code.
 * - A quote ends a string unless a backslash stands right before it, be that backslash escaped or not.
 * - #ifdef does not look at lines: it may stand anywhere, and skipped text is only searched for directives.
 * Beyond them: '#' with anything but a directive begins a comment, #ifndef and #else exist and #ifdef nests, a //
 * comment may end the script, and a carriage return is a space. */
#include "lex.h"

#include <string.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

int lex_hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) return (c | 0x20) - 'a' + 10;
    return -1;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct lexer lex_of(const char *source, size_t size, const struct la_drill_options *options) {
    return (struct lexer){.source = source, .size = size, .line = 1, .options = options};
}

/* The character `ahead` of here; NUL past the end. */
static char char_at(const struct lexer *lexer, size_t ahead) {
    return ahead < lexer->size - lexer->at ? lexer->source[lexer->at + ahead] : '\0';
}

static bool stands(const struct lexer *lexer, const char *text) {
    size_t len = strlen(text);
    return len <= lexer->size - lexer->at && memcmp(lexer->source + lexer->at, text, len) == 0;
}

static void advance(struct lexer *lexer, size_t count) {
    for (; count > 0; count--, lexer->at++) {
        if (lexer->source[lexer->at] != '\n') continue;
        lexer->line++;
        lexer->line_begin = lexer->at + 1;
    }
}

/* A token of nothing that begins here. */
static struct lex_token token_here(const struct lexer *lexer, enum lex_kind kind) {
    return (struct lex_token){.kind = kind,
                              .line = lexer->line,
                              .column = (unsigned)(lexer->at - lexer->line_begin) + 1,
                              .begin = lexer->at,
                              .text = lexer->source + lexer->at};
}

static struct lex_token bad(struct lex_token token, const char *why) {
    token.kind = LEX_BAD;
    token.text = why;
    token.len = strlen(why);
    return token;
}

/* --- What stands between tokens --- */

/* How far "/ * … * /" or "%{ … }%" goes that begins here, whose last two characters are `end`; 0: it does not end. */
static size_t pair_len(const struct lexer *lexer, char inner, char outer) {
    for (size_t i = 2; i + 1 < lexer->size - lexer->at; i++) {
        if (char_at(lexer, i) != inner) continue;
        if (char_at(lexer, i + 1) == outer) return i + 2;
        i++;
    }
    return 0;
}

static size_t word_len(const struct lexer *lexer, size_t from) {
    size_t len = 0;
    while (is_word(char_at(lexer, from + len))) len++;
    return len;
}

enum directive { NO_DIRECTIVE, IFDEF, IFNDEF, ELSE, ENDIF, UNKNOWN_DIRECTIVE };

/* The directive whose '#' stands here. */
static enum directive directive_here(const struct lexer *lexer) {
    static const struct {
        const char *name;
        enum directive directive;
    } names[] = {{"#ifdef", IFDEF}, {"#ifndef", IFNDEF},        {"#else", ELSE},
                 {"#endif", ENDIF}, {"#if", UNKNOWN_DIRECTIVE}, {"#elif", UNKNOWN_DIRECTIVE}};
    size_t len = 1 + word_len(lexer, 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (len == strlen(names[i].name) && stands(lexer, names[i].name)) return names[i].directive;
    }
    return NO_DIRECTIVE;
}

static const struct la_drill_define *define_find(const struct lexer *lexer, const char *name, size_t len) {
    for (unsigned i = 0; lexer->options && i < lexer->options->ndefines; i++) {
        const struct la_drill_define *define = &lexer->options->define[i];
        if (strlen(define->name) == len && memcmp(define->name, name, len) == 0) return define;
    }
    return NULL;
}

/* Goes behind the #endif, or with `to_else` the #else, of the part that begins here. False: there is none. */
static bool skip_part(struct lexer *lexer, bool to_else) {
    unsigned depth = 0;
    while (lexer->at < lexer->size) {
        enum directive directive = lexer->source[lexer->at] == '#' ? directive_here(lexer) : NO_DIRECTIVE;
        advance(lexer, 1);
        if (directive == IFDEF || directive == IFNDEF) depth++;
        bool ends = depth == 0 && (directive == ENDIF || (directive == ELSE && to_else));
        if (directive == ENDIF && depth > 0) depth--;
        if (!ends) continue;
        advance(lexer, word_len(lexer, 0));
        if (directive == ENDIF)
            lexer->nifdefs--;
        else
            lexer->past_else[lexer->nifdefs - 1] = true;
        return true;
    }
    return false;
}

static bool ifdef_begin(struct lexer *lexer, enum directive directive, struct lex_token *error) {
    unsigned line = lexer->line;
    advance(lexer, directive == IFDEF ? 6 : 7);
    while (is_space(char_at(lexer, 0))) advance(lexer, 1);
    size_t len = word_len(lexer, 0);
    if (len == 0 || is_digit(char_at(lexer, 0))) {
        *error = bad(*error, "#ifdef without a name");
        return false;
    }
    if (lexer->nifdefs == LEX_IFDEFS) {
        *error = bad(*error, "#ifdef nested too deeply");
        return false;
    }
    bool defined = define_find(lexer, lexer->source + lexer->at, len) != NULL;
    advance(lexer, len);
    lexer->ifdef_line[lexer->nifdefs] = line;
    lexer->past_else[lexer->nifdefs++] = false;
    if (defined == (directive == IFDEF) || skip_part(lexer, true)) return true;
    *error = bad(*error, "#ifdef without #endif");
    return false;
}

/* Obeys the directive that stands here. False with the error. */
static bool obey(struct lexer *lexer, enum directive directive, struct lex_token *error) {
    *error = token_here(lexer, LEX_BAD);
    if (directive == IFDEF || directive == IFNDEF) return ifdef_begin(lexer, directive, error);
    if (directive == UNKNOWN_DIRECTIVE) {
        *error = bad(*error, "a directive that is not #ifdef, #ifndef, #else or #endif");
        return false;
    }
    if (lexer->nifdefs == 0 || (directive == ELSE && lexer->past_else[lexer->nifdefs - 1])) {
        *error = bad(*error, directive == ELSE ? "#else without #ifdef" : "#endif without #ifdef");
        return false;
    }
    advance(lexer, 1 + word_len(lexer, 1));
    if (directive == ENDIF) {
        lexer->nifdefs--;
        return true;
    }
    lexer->past_else[lexer->nifdefs - 1] = true;
    if (skip_part(lexer, false)) return true;
    *error = bad(*error, "#else without #endif");
    return false;
}

static void skip_line(struct lexer *lexer) {
    const char *rest = lexer->source + lexer->at, *end = memchr(rest, '\n', lexer->size - lexer->at);
    advance(lexer, end ? (size_t)(end - rest) : lexer->size - lexer->at);
}

/* Goes to the next token. False with the error. */
static bool skip_blank(struct lexer *lexer, struct lex_token *error) {
    while (lexer->at < lexer->size) {
        char c = lexer->source[lexer->at];
        if (is_space(c)) {
            advance(lexer, 1);
        } else if (stands(lexer, "//")) {
            skip_line(lexer);
        } else if (stands(lexer, "/*")) {
            size_t len = pair_len(lexer, '*', '/');
            if (len == 0) {
                *error = bad(token_here(lexer, LEX_BAD), "a comment without end (\"**/\" does not end one)");
                return false;
            }
            advance(lexer, len);
        } else if (c == '#') {
            enum directive directive = directive_here(lexer);
            if (directive == NO_DIRECTIVE)
                skip_line(lexer);
            else if (!obey(lexer, directive, error))
                return false;
        } else {
            break;
        }
    }
    return true;
}

/* --- Tokens --- */

/* Takes `len` characters as the token; its text is what lies `inset` from both ends. */
static struct lex_token take(struct lexer *lexer, enum lex_kind kind, size_t len, size_t inset) {
    struct lex_token token = token_here(lexer, kind);
    token.text += inset;
    token.len = len - 2 * inset;
    advance(lexer, len);
    return token;
}

/* The length of "…" or `…` that begins here; 0: it does not end. */
static size_t quoted_len(const struct lexer *lexer, char quote) {
    size_t last = 0;
    for (size_t i = 1; i < lexer->size - lexer->at; i++) {
        if (char_at(lexer, i) != quote) continue;
        last = i;
        if (char_at(lexer, i - 1) != '\\' || i == 1) break;
    }
    return last == 0 ? 0 : last + 1;
}

static struct lex_token quoted(struct lexer *lexer, enum lex_kind kind, char quote) {
    size_t len = quoted_len(lexer, quote);
    if (len > 0) return take(lexer, kind, len, 1);
    return bad(token_here(lexer, LEX_BAD), kind == LEX_STRING ? "a string without end" : "a `command` without end");
}

static struct lex_token code(struct lexer *lexer) {
    size_t len = pair_len(lexer, '}', '%');
    if (len == 0) return bad(token_here(lexer, LEX_BAD), "code without end (\"}}%\" does not end it)");
    struct lex_token token = take(lexer, LEX_CODE, len, 2);
    /* Python minds the indentation of its first line. */
    while (token.len > 0 && (token.text[0] == ' ' || token.text[0] == '\t')) token.text++, token.len--;
    while (token.len > 0 && (token.text[token.len - 1] == ' ' || token.text[token.len - 1] == '\t')) token.len--;
    return token;
}

static size_t digits_len(const struct lexer *lexer, size_t from) {
    size_t len = 0;
    while (is_digit(char_at(lexer, from + len))) len++;
    return len;
}

static bool all_hex(const char *text, size_t len) {
    if (len < 3 || text[0] != '0' || text[1] != 'x') return false;
    for (size_t i = 2; i < len; i++) {
        if (lex_hex_digit(text[i]) < 0) return false;
    }
    return true;
}

/* What kind a word's text is by itself. */
static enum lex_kind kind_of(const char *text, size_t len) {
    size_t i = len > 1 && text[0] == '-';
    while (i < len && is_digit(text[i])) i++;
    if (i == len && len > 0) return LEX_INTEGER;
    return all_hex(text, len) ? LEX_HEX : LEX_WORD;
}

/* Puts the value of a define in the place of its name. It is not looked at for defines again. */
static void substitute(const struct lexer *lexer, struct lex_token *token) {
    const struct la_drill_define *define = define_find(lexer, token->text, token->len);
    if (!define || define->value[0] == '\0') return;
    token->text = define->value;
    token->len = strlen(define->value);
    char first = define->value[0];
    if ((first == '"' || first == '`') && token->len >= 2) {
        token->kind = first == '"' ? LEX_STRING : LEX_COMMAND;
        token->text++;
        token->len -= 2;
    } else {
        token->kind = kind_of(token->text, token->len);
    }
}

/* A number or a word, whichever is longer. LEX_END: neither stands here. */
static struct lex_token number_or_word(struct lexer *lexer) {
    size_t minus = char_at(lexer, 0) == '-', whole = digits_len(lexer, minus), word = word_len(lexer, 0);
    size_t fraction = char_at(lexer, minus + whole) == '.' ? digits_len(lexer, minus + whole + 1) : 0;
    if (fraction > 0) return take(lexer, LEX_DECIMAL, minus + whole + 1 + fraction, 0);
    if (whole > 0 && minus + whole >= word) return take(lexer, LEX_INTEGER, minus + whole, 0);
    if (word == 0) return token_here(lexer, LEX_END);
    struct lex_token token = take(lexer, LEX_WORD, word, 0);
    token.kind = kind_of(token.text, token.len);
    if (token.kind == LEX_WORD) substitute(lexer, &token);
    return token;
}

static struct lex_token option(struct lexer *lexer) {
    size_t name = word_len(lexer, 2);
    if (name > 0 && stands(lexer, "--")) return take(lexer, LEX_OPTION, 2 + name, 0);
    if (stands(lexer, "-D")) return take(lexer, LEX_OPTION, 2, 0);
    return token_here(lexer, LEX_END);
}

static struct lex_token ended(struct lexer *lexer) {
    struct lex_token token = token_here(lexer, LEX_END);
    if (lexer->nifdefs == 0) return token;
    token.line = lexer->ifdef_line[lexer->nifdefs - 1];
    token.column = 1;
    return bad(token, "#ifdef without #endif");
}

struct lex_token lex_next(struct lexer *lexer) {
    struct lex_token token;
    if (!skip_blank(lexer, &token)) return token;
    if (lexer->at == lexer->size) return ended(lexer);
    if (stands(lexer, "...")) return take(lexer, LEX_ELLIPSIS, 3, 0);
    if (stands(lexer, "%{")) return code(lexer);
    char c = lexer->source[lexer->at];
    if (c == '"') return quoted(lexer, LEX_STRING, c);
    if (c == '`') return quoted(lexer, LEX_COMMAND, c);
    if (c == '\'') return quoted(lexer, LEX_STRING, c);
    token = option(lexer);
    if (token.kind == LEX_END) token = number_or_word(lexer);
    return token.kind == LEX_END ? take(lexer, LEX_CHAR, 1, 0) : token;
}

/* --- Readings that the parser asks for --- */

/* Goes back to where the token begins, which is not further back than its line. */
static void back_to(struct lexer *lexer, const struct lex_token *token) {
    lexer->at = token->begin;
    lexer->line = token->line;
    lexer->line_begin = token->begin - (token->column - 1);
}

void lex_run(struct lexer *lexer, struct lex_token *token, const char *extra) {
    if (token->kind == LEX_END || token->kind == LEX_BAD) return;
    back_to(lexer, token);
    size_t len = 0;
    for (char c; (c = char_at(lexer, len)) != '\0' && (is_word(c) || strchr(extra, c));) len++;
    if (len > 0)
        *token = take(lexer, LEX_WORD, len, 0);
    else
        *token = take(lexer, LEX_CHAR, 1, 0);
}

/* How far an option's value goes that begins here: to a space or comment outside of quotes. */
static size_t value_len(const struct lexer *lexer) {
    struct lexer part = *lexer;
    while (part.at < part.size) {
        char c = char_at(&part, 0);
        if (is_space(c) || c == '\0' || stands(&part, "//") || stands(&part, "/*")) break;
        size_t len = c == '"' || c == '`' ? quoted_len(&part, c) : 1;
        part.at += len > 0 ? len : 1;
    }
    return part.at - lexer->at;
}

struct lex_token lex_option_value(struct lexer *lexer, bool behind_equals) {
    struct lex_token token;
    struct lexer before = *lexer;
    if (!skip_blank(lexer, &token)) return token;
    if (behind_equals && char_at(lexer, 0) != '=') {
        *lexer = before;
        return token_here(lexer, LEX_END);
    }
    if (behind_equals) advance(lexer, 1);
    if (!skip_blank(lexer, &token)) return token;
    size_t len = value_len(lexer);
    return len > 0 ? take(lexer, LEX_STRING, len, 0) : bad(token_here(lexer, LEX_BAD), "an option without its value");
}

struct lex_token lex_note(struct lexer *lexer) {
    struct lex_token token = token_here(lexer, LEX_STRING);
    size_t len = 0;
    while (lexer->at + len < lexer->size && !strchr("()=\"`<>", char_at(lexer, len))) len++;
    if (char_at(lexer, len) != ')') return bad(token, "a note in parentheses without ')'");
    token = take(lexer, LEX_STRING, len, 0);
    advance(lexer, 1);
    while (token.len > 0 && is_space(token.text[0])) token.text++, token.len--;
    while (token.len > 0 && is_space(token.text[token.len - 1])) token.len--;
    return token;
}

bool lex_is_char(const struct lex_token *token, char c) { return token->kind == LEX_CHAR && token->text[0] == c; }

bool lex_is_word(const struct lex_token *token, const char *word) {
    return token->kind == LEX_WORD && token->len == strlen(word) && memcmp(token->text, word, token->len) == 0;
}
