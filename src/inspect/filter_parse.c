/* Reads filters: words to tokens to nodes.
 *
 *     filter    = states expression        where state words come first: they hold for all that follows, as in ss
 *               | expression
 *     expression = one { [and | or] one }          from the left to the right, as in ss
 *     one       = { not } ( "(" expression ")" | states | autobound | FIELD [op] VALUE | FIELD:VALUE )
 *     states    = { state NAMES | exclude NAMES }      in a row: they add up and take away in their order
 *
 * The words of the command line are joined by spaces, so that it does not matter how the shell parted them. Quotes
 * ('…' or "…") keep a value with spaces or signs together. The tokens are counted before anything is stored: nodes and
 * text lie in one allocation that never moves. Parentheses nest at most MAX_DEPTH deep, and lists as often: that bounds
 * the recursion over nodes. The first error ends it. */
#include "filter_node.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linux.h"

#define MAX_DEPTH 64
/* The most that one token can become: a condition, and the list that it turns what stands before it into. */
#define NODES_PER_TOKEN 2
#define SHOWN 60

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_OP, TOKEN_AND, TOKEN_OR, TOKEN_NOT, TOKEN_OPEN, TOKEN_CLOSE };

struct token {
    uint8_t kind, op;
    bool quoted;
    const char *text; /* Within the quotes. */
    size_t len;
    const char *end; /* Where reading goes on. */
};

struct parse {
    struct filter *filter;
    bool (*user)(const char *name, uint32_t *uid);
    const char *text, *last_end; /* The whole; the end of the token before this one. */
    struct token token;          /* The one to be looked at. */
    unsigned depth, turns;
    bool failed;
    char *why;
    size_t size;
};

/* --- Errors --- */

/* Says what is wrong with the text from `from` to `end`. */
__attribute__((format(printf, 4, 5))) static bool fail(struct parse *p, const char *from, const char *end,
                                                       const char *format, ...) {
    if (p->failed) return false;
    p->failed = true;
    size_t len = (size_t)(end - from);
    const char *more = len > SHOWN ? "..." : "";
    int used = snprintf(p->why, p->size, "\"%.*s%s\": ", (int)(len > SHOWN ? SHOWN : len), from, more);
    if (used < 0 || (size_t)used >= p->size) return false;
    va_list args;
    va_start(args, format);
    vsnprintf(p->why + used, p->size - (size_t)used, format, args);
    va_end(args);
    return false;
}

static bool fail_here(struct parse *p, const char *what) {
    const struct token *token = &p->token;
    return fail(p, token->quoted ? token->text - 1 : token->text, token->end, "%s", what);
}

/* --- Tokens --- */

static const struct {
    const char *sign;
    uint8_t kind, op;
} signs[] = {
    /* The longer ones first. */
    {"&&", TOKEN_AND, 0},        {"||", TOKEN_OR, 0},         {"==", TOKEN_OP, FILTER_EQ}, {"!=", TOKEN_OP, FILTER_NE},
    {"<=", TOKEN_OP, FILTER_LE}, {">=", TOKEN_OP, FILTER_GE}, {"&", TOKEN_AND, 0},         {"|", TOKEN_OR, 0},
    {"!", TOKEN_NOT, 0},         {"=", TOKEN_OP, FILTER_EQ},  {"<", TOKEN_OP, FILTER_LT},  {">", TOKEN_OP, FILTER_GT},
    {"(", TOKEN_OPEN, 0},        {")", TOKEN_CLOSE, 0},
};

static const struct {
    const char *word;
    uint8_t kind, op;
} words_apart[] = {
    {"and", TOKEN_AND, 0},        {"or", TOKEN_OR, 0},         {"not", TOKEN_NOT, 0},
    {"eq", TOKEN_OP, FILTER_EQ},  {"ne", TOKEN_OP, FILTER_NE}, {"neq", TOKEN_OP, FILTER_NE},
    {"lt", TOKEN_OP, FILTER_LT},  {"gt", TOKEN_OP, FILTER_GT}, {"le", TOKEN_OP, FILTER_LE},
    {"leq", TOKEN_OP, FILTER_LE}, {"ge", TOKEN_OP, FILTER_GE}, {"geq", TOKEN_OP, FILTER_GE},
};

static bool ends_word(const char *at) {
    return !*at || isspace((unsigned char)*at) || strchr("()<>=&|", *at) || (at[0] == '!' && at[1] == '=');
}

static struct token read_quoted(const char *at) {
    const char *end = strchr(at + 1, *at);
    size_t len = end ? (size_t)(end - at - 1) : strlen(at + 1);
    return (struct token){
        .kind = TOKEN_WORD, .quoted = true, .text = at + 1, .len = len, .end = at + 1 + len + (end != NULL)};
}

static struct token read_token(const char *at) {
    while (isspace((unsigned char)*at)) at++;
    struct token token = {.kind = TOKEN_END, .text = at, .end = at};
    if (!*at) return token;
    if (*at == '"' || *at == '\'') return read_quoted(at);
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        size_t len = strlen(signs[i].sign);
        if (strncmp(at, signs[i].sign, len) != 0) continue;
        return (struct token){.kind = signs[i].kind, .op = signs[i].op, .text = at, .len = len, .end = at + len};
    }
    while (!ends_word(at + token.len)) token.len++;
    token.kind = TOKEN_WORD;
    token.end = at + token.len;
    for (size_t i = 0; i < sizeof words_apart / sizeof words_apart[0]; i++) {
        if (!filter_same_word(at, token.len, words_apart[i].word)) continue;
        token.kind = words_apart[i].kind;
        token.op = words_apart[i].op;
    }
    return token;
}

static void advance(struct parse *p) {
    p->last_end = p->token.end;
    p->token = read_token(p->token.end);
}

static bool is_word(const struct token *token, const char *word) {
    return token->kind == TOKEN_WORD && !token->quoted && filter_same_word(token->text, token->len, word);
}

/* --- Nodes --- */

/* Their number is bounded by that of the tokens, for which there is room. */
static uint32_t add(struct parse *p, uint8_t kind) {
    uint32_t at = p->filter->n++;
    p->filter->node[at] = (struct filter_node){.kind = kind, .span = 1, .pid = -1, .number = UINT64_MAX};
    return at;
}

/* Ends the list of parts that begins at `at`. One of a single part is that part. */
static void close_list(struct parse *p, uint32_t at, unsigned parts) {
    struct filter_node *node = &p->filter->node[at];
    node->span = p->filter->n - at;
    if (parts != 1) return;
    memmove(node, node + 1, (p->filter->n - at - 1) * sizeof *node);
    p->filter->n--;
}

/* `pid = 17 fd = 3` means 17's descriptor 3, not that of whoever else holds the socket. */
static void join_pid_and_fd(struct filter_node *all) {
    struct filter_node *end = all + all->span;
    int32_t pid = -1;
    if (all->kind != FILTER_AND) return;
    for (struct filter_node *part = all + 1; part < end; part += part->span)
        if (part->kind == FILTER_PID && part->op == FILTER_EQ && part->number <= INT32_MAX) pid = (int32_t)part->number;
    for (struct filter_node *part = all + 1; part < end; part += part->span)
        if (part->kind == FILTER_FD) part->pid = pid;
}

/* --- States --- */

static bool at_states(const struct parse *p) { return is_word(&p->token, "state") || is_word(&p->token, "exclude"); }

#define STATES_EXPECTED                                                                                                \
    "a state is established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, closed, close-wait, last-ack, "    \
    "listening, closing, all, connected, synchronized, bucket or big"

/* "close-wait" or "close-wait,last-ack". */
static bool state_list(struct parse *p, uint32_t *states) {
    const char *at = p->token.text, *end = at + p->token.len;
    *states = 0;
    if (p->token.kind != TOKEN_WORD) return fail(p, p->text, p->last_end, "a state is missing: " STATES_EXPECTED);
    for (const char *comma; at <= end; at = comma + 1) {
        comma = memchr(at, ',', (size_t)(end - at));
        if (!comma) comma = end;
        uint32_t some = filter_value_states(at, (size_t)(comma - at));
        if (some == 0) return fail(p, at, comma, STATES_EXPECTED);
        *states |= some;
    }
    advance(p);
    return true;
}

static bool parse_states(struct parse *p) {
    uint32_t states = 0, some;
    bool begun = false;
    while (at_states(p)) {
        bool excluded = is_word(&p->token, "exclude");
        advance(p);
        if (p->token.kind == TOKEN_OP) {
            if (p->token.op > FILTER_NE) return fail_here(p, "states are only = or !=");
            excluded ^= p->token.op == FILTER_NE;
            advance(p);
        }
        if (!state_list(p, &some)) return false;
        if (excluded && !begun) states = FILTER_ALL_STATES;
        states = excluded ? states & ~some : states | some;
        begun = true;
    }
    p->filter->node[add(p, FILTER_STATES)].number = states;
    return true;
}

/* --- Conditions --- */

enum ops { OPS_EQUAL, OPS_ORDER, OPS_ALL };

static const struct field {
    const char *name;
    uint8_t kind, ops;
    unsigned parts;
    const char *(*value)(const char *text, size_t len, uint64_t *number); /* NULL: text, or an address. */
} fields[] = {
    {"src", FILTER_SRC, OPS_EQUAL, 0, NULL},
    {"dst", FILTER_DST, OPS_EQUAL, 0, NULL},
    {"sport", FILTER_SPORT, OPS_ALL, 0, filter_value_port},
    {"dport", FILTER_DPORT, OPS_ALL, 0, filter_value_port},
    {"pid", FILTER_PID, OPS_ALL, LINUX_OWNERS, filter_value_number},
    {"fd", FILTER_FD, OPS_ALL, LINUX_OWNERS, filter_value_number},
    {"program", FILTER_PROGRAM, OPS_EQUAL, LINUX_OWNERS, NULL},
    {"unit", FILTER_UNIT, OPS_EQUAL, LINUX_OWNERS, NULL},
    {"container", FILTER_CONTAINER, OPS_EQUAL, LINUX_OWNERS, NULL},
    {"uid", FILTER_UID, OPS_ALL, 0, filter_value_number},
    {"cookie", FILTER_COOKIE, OPS_EQUAL, 0, filter_value_cookie},
    {"sk", FILTER_COOKIE, OPS_EQUAL, 0, filter_value_cookie},
    {"inode", FILTER_INODE, OPS_ALL, 0, filter_value_number},
    {"ino", FILTER_INODE, OPS_ALL, 0, filter_value_number},
    {"netns", FILTER_NETNS, OPS_EQUAL, 0, NULL},
    {"age", FILTER_AGE, OPS_ORDER, LINUX_MEASURED, filter_value_time},
    {"recv-q", FILTER_RECV_QUEUE, OPS_ALL, LINUX_MEASURED, filter_value_bytes},
    {"send-q", FILTER_SEND_QUEUE, OPS_ALL, LINUX_MEASURED, filter_value_bytes},
    {"backoff", FILTER_BACKOFF, OPS_ALL, LINUX_MEASURED, filter_value_number},
};

static const struct field *find_field(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (filter_same_word(name, len, fields[i].name)) return &fields[i];
    return NULL;
}

/* A user by name, where somebody knows them. */
static const char *user_value(struct parse *p, const char *text, size_t len, uint64_t *number) {
    char name[64];
    uint32_t uid;
    if (!p->user) return "a user is a number here";
    if (len == 0 || len >= sizeof name) return "no such user";
    memcpy(name, text, len);
    name[len] = '\0';
    if (!p->user(name, &uid)) return "no such user";
    *number = uid;
    return NULL;
}

/* A value into its node; NULL, or what was expected. */
static const char *read_value(struct parse *p, const struct field *field, const char *text, size_t len,
                              struct filter_node *node) {
    if (field->kind == FILTER_SRC || field->kind == FILTER_DST) return filter_value_host(text, len, &node->host);
    if (field->value) {
        const char *expected = field->value(text, len, &node->number);
        return expected && field->kind == FILTER_UID ? user_value(p, text, len, &node->number) : expected;
    }
    node->text = text;
    node->len = (uint32_t)len;
    if (filter_value_number(text, len, &node->number)) node->number = UINT64_MAX;
    return len > 0 ? NULL : "a name is expected";
}

static bool check_op(struct parse *p, const struct field *field, uint8_t op, const char *from, const char *end) {
    bool equal = op == FILTER_EQ || op == FILTER_NE;
    if (field->ops == OPS_EQUAL && !equal) {
        bool host = field->kind == FILTER_SRC || field->kind == FILTER_DST;
        return fail(p, from, end, "%s is only = or !=%s", field->name, host ? "; sport and dport take < and >" : "");
    }
    if (field->ops == OPS_ORDER && equal) return fail(p, from, end, "%s is compared with <, <=, > or >=", field->name);
    return true;
}

/* FIELD:VALUE, as ss prints some. Not for addresses, whose values have colons. NULL: it is none. */
static const struct field *colon_field(const struct token *token, const char **value) {
    const char *colon = token->quoted ? NULL : memchr(token->text, ':', token->len);
    const struct field *field = colon ? find_field(token->text, (size_t)(colon - token->text)) : NULL;
    if (!field || field->kind == FILTER_SRC || field->kind == FILTER_DST) return NULL;
    *value = colon + 1;
    return field;
}

static bool parse_value(struct parse *p, const struct field *field, uint8_t op, const char *from, const char *text,
                        size_t len) {
    struct filter_node *node = &p->filter->node[add(p, field->kind)];
    node->op = op;
    p->filter->parts |= field->parts;
    const char *end = p->token.end;
    if (!check_op(p, field, op, from, end)) return false;
    const char *expected = read_value(p, field, text, len, node);
    if (expected) return fail(p, from, end, "%s", expected);
    advance(p);
    return true;
}

static bool parse_field(struct parse *p, const struct field *field) {
    const char *from = p->token.text;
    uint8_t op = FILTER_EQ;
    advance(p);
    if (p->token.kind == TOKEN_OP) {
        op = p->token.op;
        advance(p);
    }
    const struct token *value = &p->token;
    bool there = value->kind == TOKEN_WORD || (value->kind != TOKEN_END && isalpha((unsigned char)value->text[0]));
    if (!there) return fail(p, from, p->last_end, "a value is missing after it");
    return parse_value(p, field, op, from, value->text, value->len);
}

/* A word that begins no condition, with a guess at what was meant. */
static bool fail_word(struct parse *p) {
    const struct token *token = &p->token;
    struct filter_host host;
    static const char *const unknown[] = {"dev", "fwmark", "cgroup"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        if (is_word(token, unknown[i])) return fail_here(p, "not known here; ss can select by it");
    int len = token->len > SHOWN ? SHOWN : (int)token->len;
    if (filter_value_states(token->text, token->len))
        return fail(p, token->text, token->end, "did you mean \"state %.*s\"?", len, token->text);
    bool parted = memchr(token->text, ':', token->len) || memchr(token->text, '.', token->len);
    if (parted && !filter_value_host(token->text, token->len, &host))
        return fail(p, token->text, token->end, "did you mean \"dst %.*s\" or \"src %.*s\"?", len, token->text, len,
                    token->text);
    return fail_here(p, "expected a condition, such as \"state close-wait\", \"dport = :443\" or \"pid = 17\"; the "
                        "words are state, exclude, src, dst, sport, dport, pid, fd, program, unit, container, uid, "
                        "cookie, inode, netns, age, recv-q, send-q, backoff, autobound");
}

static bool parse_condition(struct parse *p) {
    const char *value = NULL;
    const struct token *token = &p->token;
    if (token->kind == TOKEN_END)
        return fail(p, p->text, p->last_end, "something is missing at the end: a condition is expected");
    if (token->kind != TOKEN_WORD) return fail_here(p, "a condition is expected in its place");
    if (at_states(p)) return parse_states(p);
    const struct field *field = token->quoted ? NULL : find_field(token->text, token->len);
    if (field) return parse_field(p, field);
    field = colon_field(token, &value);
    if (field) return parse_value(p, field, FILTER_EQ, token->text, value, (size_t)(token->end - value));
    if (!is_word(token, "autobound")) return fail_word(p);
    add(p, FILTER_AUTOBOUND);
    p->filter->parts |= LINUX_FACTS;
    advance(p);
    return true;
}

/* --- Expressions --- */

static bool parse_any(struct parse *p);

static bool parse_group(struct parse *p) {
    const char *from = p->token.text;
    if (++p->depth > MAX_DEPTH) return fail_here(p, "too many parentheses within each other");
    advance(p);
    if (!parse_any(p)) return false;
    if (p->token.kind != TOKEN_CLOSE) return fail(p, from, p->last_end, "the parenthesis is never closed");
    p->depth--;
    advance(p);
    return true;
}

static bool parse_one(struct parse *p) {
    bool negated = false;
    uint32_t at = p->filter->n;
    for (; p->token.kind == TOKEN_NOT; advance(p)) negated = !negated;
    if (negated) add(p, FILTER_NOT);
    if (!(p->token.kind == TOKEN_OPEN ? parse_group(p) : parse_condition(p))) return false;
    if (negated) p->filter->node[at].span = p->filter->n - at;
    return true;
}

/* Makes what stands from `at` on the first part of a list. */
static bool wrap(struct parse *p, uint32_t at, uint8_t kind) {
    if (++p->turns > MAX_DEPTH) return fail_here(p, "\"and\" and \"or\" take turns too often");
    add(p, kind);
    struct filter_node *node = &p->filter->node[at], list = p->filter->node[p->filter->n - 1];
    memmove(node + 1, node, (p->filter->n - at - 1) * sizeof *node);
    *node = list;
    return true;
}

static void end_list(struct parse *p, uint32_t at) {
    p->filter->node[at].span = p->filter->n - at;
    join_pid_and_fd(&p->filter->node[at]);
}

/* From the left to the right: as in ss, neither "and" nor "or" binds closer than the other. */
static bool parse_any(struct parse *p) {
    uint32_t at = p->filter->n;
    uint8_t kind = FILTER_NOT; /* Of the list that is open. */
    if (!parse_one(p)) return false;
    while (p->token.kind != TOKEN_END && p->token.kind != TOKEN_CLOSE) {
        uint8_t next = p->token.kind == TOKEN_OR ? FILTER_OR : FILTER_AND;
        if (next != kind) {
            if (kind != FILTER_NOT) end_list(p, at);
            if (!wrap(p, at, next)) return false;
            kind = next;
        }
        if (p->token.kind == TOKEN_OR || p->token.kind == TOKEN_AND) advance(p);
        if (!parse_one(p)) return false;
    }
    if (kind != FILTER_NOT) end_list(p, at);
    return true;
}

/* Whether state words come first and no operator follows them: they are then for the whole. */
static bool leads(const struct parse *p) {
    struct parse ahead = *p;
    while (at_states(&ahead)) {
        advance(&ahead);
        if (ahead.token.kind == TOKEN_OP) advance(&ahead);
        if (ahead.token.kind == TOKEN_WORD) advance(&ahead);
    }
    return at_states(p) && ahead.token.kind != TOKEN_AND && ahead.token.kind != TOKEN_OR;
}

static bool parse_filter(struct parse *p) {
    if (p->token.kind == TOKEN_END) return true;
    uint32_t at = add(p, FILTER_AND);
    unsigned parts = 0;
    if (leads(p)) {
        if (!parse_states(p)) return false;
        parts++;
    }
    if (p->token.kind != TOKEN_END) {
        if (!parse_any(p)) return false;
        parts++;
    }
    if (p->token.kind == TOKEN_CLOSE) return fail_here(p, "no parenthesis is open here");
    close_list(p, at, parts);
    return true;
}

/* --- The whole --- */

/* The states in which a condition may hold, and those in which it does whatever else there is. */
struct range {
    uint32_t may, must;
};

static struct range states_of(const struct filter_node *node) {
    struct range range = {FILTER_ALL_STATES, 0}, part;
    const struct filter_node *end = node + node->span;
    if (node->kind == FILTER_STATES) return (struct range){(uint32_t)node->number, (uint32_t)node->number};
    if (node->kind == FILTER_NOT) {
        part = states_of(node + 1);
        return (struct range){FILTER_ALL_STATES & ~part.must, FILTER_ALL_STATES & ~part.may};
    }
    if (node->kind == FILTER_AND) range.must = FILTER_ALL_STATES;
    if (node->kind == FILTER_OR) range.may = 0;
    if (node->kind != FILTER_AND && node->kind != FILTER_OR) return range;
    for (const struct filter_node *one = node + 1; one < end; one += one->span) {
        part = states_of(one);
        range.may = node->kind == FILTER_AND ? range.may & part.may : range.may | part.may;
        range.must = node->kind == FILTER_AND ? range.must & part.must : range.must | part.must;
    }
    return range;
}

static bool parse_text(struct parse *p) {
    p->token = read_token(p->text);
    p->last_end = p->text;
    if (!parse_filter(p)) return false;
    if (p->filter->n > 0) p->filter->states = states_of(p->filter->node).may;
    if (p->filter->states == 0)
        return fail(p, p->text, p->last_end,
                    "no connection can be in such states: those that are to add up stand side by side, as in \"state "
                    "close-wait state last-ack\"");
    return true;
}

/* The words joined by spaces, in memory that the filter takes over: a filter without nodes, its text behind the room
 * for them. */
static struct filter *new_filter(int nwords, char *const *words, char **text) {
    size_t len = 1, tokens = 0, at = 0;
    for (int i = 0; i < nwords; i++) len += strlen(words[i]) + 1;
    char *joined = malloc(len);
    if (!joined) return NULL;
    for (int i = 0; i < nwords; i++) {
        size_t n = strlen(words[i]);
        memcpy(joined + at, words[i], n);
        at += n;
        joined[at++] = ' ';
    }
    joined[at] = '\0';
    for (struct token token = read_token(joined); token.kind != TOKEN_END; token = read_token(token.end)) tokens++;
    size_t room = sizeof(struct filter) + (tokens + 2) * NODES_PER_TOKEN * sizeof(struct filter_node);
    struct filter *filter = calloc(1, room + len);
    if (filter) {
        *text = (char *)filter + room;
        memcpy(*text, joined, len);
        filter->states = FILTER_ALL_STATES;
    }
    free(joined);
    return filter;
}

struct filter *filter_parse_users(bool (*user)(const char *name, uint32_t *uid), int nwords, char *const *words,
                                  char *why, size_t size) {
    char *text = NULL;
    struct filter *filter = new_filter(nwords, words, &text);
    struct parse p = {.filter = filter, .user = user, .text = text, .why = why, .size = size};
    if (!filter) {
        snprintf(why, size, "out of memory");
        return NULL;
    }
    if (parse_text(&p)) return filter;
    filter_free(filter);
    return NULL;
}

struct filter *filter_parse(int nwords, char *const *words, char *why, size_t size) {
    return filter_parse_users(NULL, nwords, words, why, size);
}

void filter_free(struct filter *filter) { free(filter); }
