/* A script's text as tokens. The two grammars agree on these; what a word means is the parser's business.
 *
 * A lexer is a plain struct over text that outlives it: a copy of it is a look ahead. Errors are tokens too (LEX_BAD,
 * the sentence in `text`), so that nothing is reported before the parser really needs the token. */
#ifndef DRILL_LEX_H
#define DRILL_LEX_H

#include <lastack/drill.h>

enum lex_kind {
    LEX_END,
    LEX_INTEGER,  /* -12 */
    LEX_HEX,      /* 0x1f */
    LEX_DECIMAL,  /* .5, 0.25 */
    LEX_WORD,     /* letters, digits, _ */
    LEX_STRING,   /* "…" or 'c', escapes as they stand */
    LEX_COMMAND,  /* `…` */
    LEX_CODE,     /* %{ … }% */
    LEX_ELLIPSIS, /* ... */
    LEX_OPTION,   /* --name or -D */
    LEX_CHAR,     /* Anything else: one character. */
    LEX_BAD,
};

struct lex_token {
    enum lex_kind kind;
    unsigned line, column;
    size_t begin;     /* Where it stands in the source. */
    const char *text; /* Without its delimiters; where a define stands in for a word, the define's value. */
    size_t len;
};

#define LEX_IFDEFS 16

struct lexer {
    const char *source;
    size_t size, at;
    unsigned line;
    size_t line_begin;
    const struct la_drill_options *options; /* Whose defines stand in for words. May be NULL. */
    unsigned nifdefs;                       /* How many #ifdef are open here. */
    unsigned ifdef_line[LEX_IFDEFS];
    bool past_else[LEX_IFDEFS];
};

struct lexer lex_of(const char *source, size_t size, const struct la_drill_options *options);
struct lex_token lex_next(struct lexer *lexer);

/* Reads the token again as the run of letters, digits, '_' and characters of `extra` that begins where it begins,
 * without defines: TCP flags, addresses, words with dashes. */
void lex_run(struct lexer *lexer, struct lex_token *token, const char *extra);
/* The value of an option whose name was just read: what stands there without a space, or in quotes. `behind_equals`:
 * it stands behind '='; LEX_END: there is no '='. Nothing is unquoted. */
struct lex_token lex_option_value(struct lexer *lexer, bool behind_equals);
/* The words up to ')' that stand in parentheses, after the '(' was read. The ')' is read too. */
struct lex_token lex_note(struct lexer *lexer);

/* The value of a hex digit; -1: it is none. */
int lex_hex_digit(char c);
bool lex_is_char(const struct lex_token *token, char c);
bool lex_is_word(const struct lex_token *token, const char *word);

#endif
