/* What the parts of the parser share: one token that is looked at, the script that grows, the first error.
 *
 * Every function that reads something returns false or NULL when it cannot; the error is noted then and all the way up
 * nothing more is read. */
#ifndef DRILL_PARSE_H
#define DRILL_PARSE_H

#include "ast.h"
#include "lex.h"

#define PARSE_DEPTH 64 /* Values in values. */

struct parser {
    struct lexer lex;
    struct lex_token token; /* The next one to be read. The lexer stands behind it. */
    struct la_drill_script *script;
    struct la_drill_error *error;
    bool failed, no_memory;
    unsigned depth;
    int64_t total_us; /* All relative times together. */
};

void parse_next(struct parser *p);
struct lex_token parse_peek(const struct parser *p);

/* Notes an error at a token; always false. parse_expected adds what stands there instead. */
#if defined __GNUC__
__attribute__((format(printf, 3, 4)))
#endif
bool parse_fail(struct parser *p, const struct lex_token *at, const char *format, ...);
bool parse_expected(struct parser *p, const char *what);

void *parse_new(struct parser *p, size_t size);
char *parse_text(struct parser *p, const char *text, size_t len);

/* Reads the character or word if it is the next token. */
bool parse_accept(struct parser *p, char c);
bool parse_accept_word(struct parser *p, const char *word);
/* Reads the character, or fails: `what` says where it belongs. */
bool parse_char(struct parser *p, char c, const char *what);
/* Reads an integer of either notation from 0 to `max`. */
bool parse_number(struct parser *p, uint64_t max, const char *what, uint64_t *number);
bool parse_u8(struct parser *p, const char *what, uint8_t *number);
bool parse_u16(struct parser *p, const char *what, uint16_t *number);
bool parse_u32(struct parser *p, const char *what, uint32_t *number);
/* Whether the token is an integer; its value as 64 bits. `fits`: false when it has more. */
bool parse_is_integer(const struct lex_token *token);
int64_t parse_integer(const struct lex_token *token, bool *fits);
/* Reads from the opening bracket that stands here to the one that closes it. */
bool parse_skip_group(struct parser *p, char open, char close);

/* Seconds of a token into microseconds. */
bool parse_time(struct parser *p, int64_t *us);

/* parse_expr.c: a call from its name on (`blocking` and `end_us` are the caller's). */
struct drill_call *parse_call(struct parser *p);
/* parse_packet.c: a packet from its '<' or '>' on. */
struct drill_packet *parse_packet(struct parser *p);
/* parse_option.c: TCP options from behind their '<' to their '>'. */
bool parse_tcp_options(struct parser *p, struct drill_packet *packet);

#endif
