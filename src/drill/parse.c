/* A script from text: its options, then its events. Recursive descent over one token, as the union of both grammars:
 *
 *     script:  option* [`command`] event+ [`command`]
 *     event:   time (packet | [...time] call | `command` | %{ code }%)
 *     time:    t | +t | * | t~t | +t~+t
 *
 * In come the text and the command line's options. Out comes a struct la_drill_script that owns everything, in one
 * arena; or the place of the first error with what was expected there. Options are merged before the first event is
 * read, because defines and the IP version change how events read. Packets are in parse_packet.c, TCP options in
 * parse_option.c, calls in parse_expr.c.
 *
 * The text is hostile: numbers are checked against their range, recursion is bounded, and every loop reads a token. */
#include "parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "text.h"

#define TIME_MAX_S 100000000                   /* Three years in one time. */
#define TOTAL_MAX_US INT64_C(1000000000000000) /* Thirty in all relative ones. */

/* --- What every part of the parser uses --- */

void parse_next(struct parser *p) { p->token = lex_next(&p->lex); }

struct lex_token parse_peek(const struct parser *p) {
    struct lexer ahead = p->lex;
    return lex_next(&ahead);
}

static void fail_at(struct parser *p, const struct lex_token *at) {
    p->failed = true;
    p->error->line = at->line;
    p->error->column = at->column;
}

bool parse_fail(struct parser *p, const struct lex_token *at, const char *format, ...) {
    if (p->failed) return false;
    fail_at(p, at);
    va_list args;
    va_start(args, format);
    vsnprintf(p->error->text, sizeof p->error->text, format, args);
    va_end(args);
    return false;
}

/* A token as an error message shows it. */
static void write_token(const struct lex_token *token, struct drill_text *text) {
    if (token->kind == LEX_END) {
        drill_text_add(text, "the end of the script");
    } else if (token->kind == LEX_BAD) {
        drill_text_bytes(text, token->text, token->len);
    } else {
        const char *quote = token->kind == LEX_COMMAND ? "`" : "\"";
        drill_text_add(text, "%s%s", token->kind == LEX_CODE ? "code " : "", quote);
        for (size_t i = 0; i < token->len && i < 40; i++) {
            unsigned char c = (unsigned char)token->text[i];
            drill_text_add(text, c >= ' ' && c < 0x7f ? "%c" : "\\x%02x", c);
        }
        drill_text_add(text, "%s%s", token->len > 40 ? "..." : "", quote);
    }
}

bool parse_expected(struct parser *p, const char *what) {
    if (p->failed) return false;
    fail_at(p, &p->token);
    struct drill_text text = drill_text_in(p->error->text, sizeof p->error->text);
    drill_text_add(&text, "expected %s, found ", what);
    write_token(&p->token, &text);
    return false;
}

static void *or_no_memory(struct parser *p, void *memory) {
    if (!memory) p->failed = p->no_memory = true;
    return memory;
}

void *parse_new(struct parser *p, size_t size) { return or_no_memory(p, drill_arena_new(&p->script->arena, size)); }

char *parse_text(struct parser *p, const char *text, size_t len) {
    return or_no_memory(p, drill_arena_text(&p->script->arena, text, len));
}

bool parse_accept(struct parser *p, char c) {
    if (!lex_is_char(&p->token, c)) return false;
    parse_next(p);
    return true;
}

bool parse_accept_word(struct parser *p, const char *word) {
    if (!lex_is_word(&p->token, word)) return false;
    parse_next(p);
    return true;
}

bool parse_char(struct parser *p, char c, const char *what) {
    if (parse_accept(p, c)) return true;
    char text[120];
    snprintf(text, sizeof text, "'%c' %s", c, what);
    return parse_expected(p, text);
}

bool parse_is_integer(const struct lex_token *token) { return token->kind == LEX_INTEGER || token->kind == LEX_HEX; }

int64_t parse_integer(const struct lex_token *token, bool *fits) {
    bool negative = token->text[0] == '-';
    uint64_t base = token->kind == LEX_HEX ? 16 : 10, n = 0;
    *fits = true;
    for (size_t i = token->kind == LEX_HEX ? 2 : negative; i < token->len; i++) {
        uint64_t digit = (uint64_t)lex_hex_digit(token->text[i]);
        if (n > (UINT64_MAX - digit) / base) *fits = false;
        n = n * base + digit;
    }
    if (negative && n > (uint64_t)INT64_MAX + 1) *fits = false;
    return (int64_t)(negative ? 0 - n : n);
}

bool parse_number(struct parser *p, uint64_t max, const char *what, uint64_t *number) {
    if (!parse_is_integer(&p->token)) return parse_expected(p, what);
    bool fits;
    uint64_t n = (uint64_t)parse_integer(&p->token, &fits);
    if (!fits || p->token.text[0] == '-' || n > max) {
        int len = p->token.len < 40 ? (int)p->token.len : 40;
        return parse_fail(p, &p->token, "%s is out of range: %.*s is not from 0 to %llu", what, len, p->token.text,
                          (unsigned long long)max);
    }
    *number = n;
    parse_next(p);
    return true;
}

bool parse_u8(struct parser *p, const char *what, uint8_t *number) {
    uint64_t n = 0;
    bool ok = parse_number(p, UINT8_MAX, what, &n);
    *number = (uint8_t)n;
    return ok;
}

bool parse_u16(struct parser *p, const char *what, uint16_t *number) {
    uint64_t n = 0;
    bool ok = parse_number(p, UINT16_MAX, what, &n);
    *number = (uint16_t)n;
    return ok;
}

bool parse_u32(struct parser *p, const char *what, uint32_t *number) {
    uint64_t n = 0;
    bool ok = parse_number(p, UINT32_MAX, what, &n);
    *number = (uint32_t)n;
    return ok;
}

bool parse_skip_group(struct parser *p, char open, char close) {
    size_t depth = 0;
    do {
        if (lex_is_char(&p->token, open)) depth++;
        if (lex_is_char(&p->token, close)) depth--;
        if (p->token.kind == LEX_END || p->token.kind == LEX_BAD) return parse_char(p, close, "behind its content");
        parse_next(p);
    } while (depth > 0);
    return true;
}

/* --- Times --- */

bool parse_time(struct parser *p, int64_t *us) {
    const struct lex_token *token = &p->token;
    if (token->kind != LEX_DECIMAL && token->kind != LEX_INTEGER) return parse_expected(p, "a time in seconds");
    if (token->text[0] == '-') return parse_fail(p, token, "a negative time");
    int64_t seconds = 0, micros = 0, unit = 100000;
    size_t i = 0;
    for (; i < token->len && token->text[i] != '.'; i++) {
        seconds = seconds * 10 + (token->text[i] - '0');
        if (seconds > TIME_MAX_S) return parse_fail(p, token, "a time of more than %d seconds", TIME_MAX_S);
    }
    for (i++; i < token->len && unit > 0; i++, unit /= 10) micros += (token->text[i] - '0') * unit;
    if (i < token->len && token->text[i] >= '5') micros++;
    *us = seconds * 1000000 + micros;
    parse_next(p);
    return true;
}

/* A relative time or the end of a call, which move all that follow. */
static bool moving_time(struct parser *p, int64_t *us) {
    struct lex_token token = p->token;
    if (!parse_time(p, us)) return false;
    p->total_us += *us;
    return p->total_us <= TOTAL_MAX_US || parse_fail(p, &token, "times of more than 30 years together");
}

static bool event_time(struct parser *p, struct drill_event *event) {
    struct lex_token begin = p->token;
    bool ok;
    if (parse_accept(p, '*')) {
        event->time_kind = DRILL_ANY_TIME;
        return true;
    }
    if (parse_accept(p, '+')) {
        event->time_kind = DRILL_RELATIVE;
        ok = moving_time(p, &event->at_us);
        if (!ok || !parse_accept(p, '~')) return ok;
        event->time_kind = DRILL_RELATIVE_RANGE;
        ok = parse_char(p, '+', "before the end of a relative time range") && parse_time(p, &event->at_end_us);
    } else {
        event->time_kind = DRILL_ABSOLUTE;
        ok = parse_time(p, &event->at_us);
        if (!ok || !parse_accept(p, '~')) return ok;
        event->time_kind = DRILL_ABSOLUTE_RANGE;
        ok = parse_time(p, &event->at_end_us);
    }
    if (ok && event->at_end_us < event->at_us) return parse_fail(p, &begin, "a time range that ends before it begins");
    return ok;
}

/* --- Events --- */

static bool call_event(struct parser *p, struct drill_event *event) {
    int64_t end_us = 0;
    bool blocking = p->token.kind == LEX_ELLIPSIS;
    if (blocking) {
        parse_next(p);
        if (!moving_time(p, &end_us)) return false;
    }
    event->kind = DRILL_EVENT_CALL;
    event->call = parse_call(p);
    if (!event->call) return false;
    event->call->blocking = blocking;
    event->call->end_us = end_us;
    return true;
}

static bool text_event(struct parser *p, struct drill_event *event) {
    event->kind = p->token.kind == LEX_CODE ? DRILL_EVENT_CODE : DRILL_EVENT_COMMAND;
    event->text = parse_text(p, p->token.text, p->token.len);
    parse_next(p);
    return event->text != NULL;
}

static bool event_action(struct parser *p, struct drill_event *event) {
    enum lex_kind kind = p->token.kind;
    if (lex_is_char(&p->token, '<') || lex_is_char(&p->token, '>')) {
        event->kind = DRILL_EVENT_PACKET;
        event->packet = parse_packet(p);
        return event->packet != NULL;
    }
    if (kind == LEX_COMMAND || kind == LEX_CODE) return text_event(p, event);
    if (kind == LEX_WORD || kind == LEX_ELLIPSIS) return call_event(p, event);
    return parse_expected(p, "'<' or '>' and a packet, a call, a `command` or %{ code }% behind the time");
}

/* Appends an event at `*tail`; the tail moves behind it. */
static bool event(struct parser *p, struct drill_event ***tail) {
    struct lex_token begin = p->token;
    struct drill_event *event = parse_new(p, sizeof *event);
    if (!event) return false;
    event->line = begin.line;
    event->column = begin.column;
    if (!event_time(p, event) || !event_action(p, event)) return false;
    bool outbound = event->kind == DRILL_EVENT_PACKET && !event->packet->inbound;
    if (!outbound && event->time_kind == DRILL_ANY_TIME) {
        return parse_fail(p, &begin, "time '*' is for outbound packets only");
    }
    if (!outbound && event->time_kind > DRILL_ANY_TIME) {
        return parse_fail(p, &begin, "a time range is for outbound packets only");
    }
    **tail = event;
    *tail = &event->next;
    p->script->nevents++;
    return true;
}

/* A command without time, which stands before the first event or behind the last one. */
static bool outer_command(struct parser *p, const char **command) {
    if (p->token.kind != LEX_COMMAND) return true;
    *command = parse_text(p, p->token.text, p->token.len);
    parse_next(p);
    return *command != NULL;
}

static bool begins_event(const struct lex_token *token) {
    return token->kind == LEX_DECIMAL || token->kind == LEX_INTEGER || lex_is_char(token, '+') ||
           lex_is_char(token, '*');
}

static bool events(struct parser *p) {
    struct la_drill_script *script = p->script;
    struct drill_event **tail = &script->events;
    if (!outer_command(p, &script->init_command)) return false;
    while (begins_event(&p->token)) {
        if (!event(p, &tail)) return false;
    }
    if (script->nevents == 0) return parse_expected(p, "an event, which begins with a time");
    if (!outer_command(p, &script->cleanup_command)) return false;
    return p->token.kind == LEX_END ||
           parse_expected(p, script->cleanup_command ? "the end of the script behind the last command"
                                                     : "the next event, which begins with a time");
}

/* --- Options --- */

/* Reads one option; the token behind it is read too. */
static bool option(struct parser *p, struct la_drill_options *options) {
    struct lex_token name = p->token;
    bool dash_d = name.text[1] == 'D';
    struct lex_token value = lex_option_value(&p->lex, !dash_d);
    if (value.kind == LEX_BAD) {
        p->token = value;
        return parse_expected(p, "an option");
    }
    bool has_value = value.kind != LEX_END;
    char *text = parse_new(p, name.len + 1 + (has_value ? value.len : 0) + 1);
    if (!text) return false;
    memcpy(text, name.text, name.len);
    size_t len = name.len;
    if (has_value && !dash_d) text[len++] = '=';
    if (has_value) memcpy(text + len, value.text, value.len);
    char why[sizeof p->error->text];
    if (!la_drill_option_parse(options, text, why, sizeof why)) return parse_fail(p, &name, "%s", why);
    parse_next(p);
    return true;
}

/* The command line's options are there before the script's, for #ifdef around these, and once more above them. */
static bool options(struct parser *p, const struct la_drill_options *above) {
    static const struct la_drill_options standard = {.ndefines = 1, .define = {{"STANDARD", ""}}};
    static const struct la_drill_options nothing = {0};
    static const struct lex_token whole_script = {0};
    struct la_drill_options *merged = &p->script->options;
    if (!above) above = &nothing;
    bool room = drill_options_merge(merged, &standard) && drill_options_merge(merged, above);
    p->lex.options = merged;
    parse_next(p);
    while (room && p->token.kind == LEX_OPTION) {
        if (!option(p, merged)) return false;
    }
    char why[120];
    if (!room || !drill_options_merge(merged, above)) return parse_fail(p, &whole_script, "too many defines");
    if (!drill_options_complete(merged, why, sizeof why)) return parse_fail(p, &whole_script, "%s", why);
    return true;
}

/* --- The interface --- */

int la_drill_parse(const char *text, size_t len, const struct la_drill_options *above, struct la_drill_script **script,
                   struct la_drill_error *error) {
    struct la_drill_error unheard;
    struct parser p = {.lex = lex_of(text, len, NULL), .error = error ? error : &unheard};
    *p.error = (struct la_drill_error){0};
    *script = NULL;
    p.script = calloc(1, sizeof *p.script);
    if (!p.script) return -LA_ENOMEM;
    if (options(&p, above) && events(&p)) {
        *script = p.script;
        return 0;
    }
    la_drill_free(p.script);
    return p.no_memory ? -LA_ENOMEM : -LA_EINVAL;
}

void la_drill_free(struct la_drill_script *script) {
    if (!script) return;
    drill_arena_free(&script->arena);
    free(script);
}

const struct la_drill_options *la_drill_script_options(const struct la_drill_script *script) {
    return &script->options;
}
