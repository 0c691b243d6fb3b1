/* The small shell's parser.
 *
 * Text comes in, a tree of commands with expanded words goes out, in an arena of the caller. Expansion happens while
 * reading, because nothing that this language has can change between reading and running. Whatever is not known here
 * (variables, globs, substitutions, background jobs, reserved words) makes the answer SHELL_CANNOT, so that a real
 * shell decides what it means; nothing is guessed.
 *
 * A command that is the path of a file is a helper script: its text is read and parsed in the same way, as the shell
 * does with a file of no other interpreter. */
#include "shell_parse.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shell.h"
#include "shim.h"
#include "text.h"

#define MAX_WORDS 128
#define MAX_WORD 4096
#define MAX_DEPTH 8    /* A helper that runs a helper … */
#define MAX_SCRIPTS 64 /* All of one command: each may run many, which may run many. */

struct parser {
    const char *at;
    const struct la_drill_host *host;
    struct drill_arena *arena;
    unsigned depth;    /* Of helper scripts. */
    unsigned *scripts; /* How many were read for the whole command. */
    int error;
};

/* Always false. */
static bool fail(struct parser *p, int error) {
    if (!p->error) p->error = error;
    return false;
}

static void *make(struct parser *p, size_t size) {
    void *memory = drill_arena_new(p->arena, size);
    if (!memory) fail(p, -LA_ENOMEM);
    return memory;
}

/* --- Words --- */

static void skip_blanks(struct parser *p) {
    for (;;) {
        if (*p->at == ' ' || *p->at == '\t')
            p->at++;
        else if (p->at[0] == '\\' && p->at[1] == '\n')
            p->at += 2;
        else if (*p->at == '#')
            while (*p->at && *p->at != '\n') p->at++;
        else
            return;
    }
}

static bool ends_word(char c) { return c == '\0' || strchr(" \t\n;&|<>()", c) != NULL; }

static void add_number(struct drill_text *word, int64_t value) { drill_text_add(word, "%" PRId64, value); }

/* $((…)), $PPID or ${PPID}, from the dollar sign. A helper's parent is another shell. */
static void expand(struct parser *p, struct drill_text *word) {
    const char *end;
    int64_t value;
    if (!strncmp(p->at, "$((", 3) && (end = strstr(p->at, "))")) != NULL) {
        while (end[2] == ')') end++;
        if (!shell_arithmetic(p->at + 3, (size_t)(end - p->at) - 3, &value)) {
            fail(p, SHELL_CANNOT);
            return;
        }
        add_number(word, value);
        p->at = end + 2;
        return;
    }
    size_t len = !strncmp(p->at, "${PPID}", 7) ? 7 : !strncmp(p->at, "$PPID", 5) ? 5 : 0;
    bool longer = len == 5 && (isalnum((unsigned char)p->at[5]) || p->at[5] == '_');
    if (!len || longer || !p->host || !p->host->pid || p->depth) {
        fail(p, SHELL_CANNOT);
        return;
    }
    add_number(word, p->host->pid);
    p->at += len;
}

static void double_quoted(struct parser *p, struct drill_text *word) {
    for (p->at++; *p->at != '"' && !p->error;) {
        if (*p->at == '\0' || *p->at == '`') {
            fail(p, SHELL_CANNOT);
        } else if (*p->at == '$') {
            expand(p, word);
        } else if (*p->at == '\\' && p->at[1] == '\n') {
            p->at += 2;
        } else {
            if (*p->at == '\\' && p->at[1] && strchr("$`\"\\", p->at[1])) p->at++;
            drill_text_bytes(word, p->at++, 1);
        }
    }
    if (!p->error) p->at++;
}

static void single_quoted(struct parser *p, struct drill_text *word) {
    const char *end = strchr(p->at + 1, '\'');
    if (!end) {
        fail(p, SHELL_CANNOT);
        return;
    }
    drill_text_bytes(word, p->at + 1, (size_t)(end - p->at) - 1);
    p->at = end + 1;
}

/* The next word; NULL when none stands here or on an error. *plain: no part of it is quoted. */
static char *take_word(struct parser *p, bool *plain) {
    char buffer[MAX_WORD];
    struct drill_text word = drill_text_in(buffer, sizeof buffer);
    skip_blanks(p);
    if (ends_word(*p->at)) return NULL;
    *plain = true;
    if (*p->at == '~') fail(p, SHELL_CANNOT);
    while (!p->error && !ends_word(*p->at)) {
        char c = *p->at;
        *plain &= c != '\'' && c != '"' && c != '\\';
        if (c == '\'') {
            single_quoted(p, &word);
        } else if (c == '"') {
            double_quoted(p, &word);
        } else if (c == '$') {
            expand(p, &word);
        } else if (c == '\\' && p->at[1] == '\n') {
            p->at += 2;
        } else if (strchr("`*?[{}", c)) {
            fail(p, SHELL_CANNOT);
        } else {
            if (c == '\\' && p->at[1]) p->at++;
            drill_text_bytes(&word, p->at++, 1);
        }
    }
    if (word.cut) fail(p, SHELL_CANNOT);
    if (p->error) return NULL;
    char *text = drill_arena_text(p->arena, word.at, word.len);
    if (!text) fail(p, -LA_ENOMEM);
    return text;
}

/* --- Redirections --- */

static struct shell_sink sink_of(struct parser *p, const char *path) {
    const char *name = sysctl_of_file(path);
    if (!strcmp(path, "/dev/null")) return (struct shell_sink){SINK_NOWHERE, NULL};
    if (!name) fail(p, SHELL_CANNOT);
    return (struct shell_sink){SINK_SYSCTL, name};
}

/* One redirection. False: none stands here, or an error. "&>" is bash's. */
static bool take_redirection(struct parser *p, struct shell_command *c) {
    bool both = p->at[0] == '&' && p->at[1] == '>';
    bool digit = (*p->at == '1' || *p->at == '2') && p->at[1] == '>';
    if (!both && !digit && *p->at != '>') return false;
    struct shell_sink *sink = *p->at == '2' ? &c->err : &c->out;
    p->at += both ? 2 : digit ? 2 : 1;
    if (*p->at == '>') p->at++; /* What nothing is read back from can as well be written from its beginning. */
    if (*p->at == '&') {
        if ((p->at[1] != '1' && p->at[1] != '2') || !ends_word(p->at[2])) return fail(p, SHELL_CANNOT);
        *sink = p->at[1] == '1' ? c->out : c->err;
        p->at += 2;
        return true;
    }
    bool plain;
    const char *path = take_word(p, &plain);
    if (!path) return fail(p, SHELL_CANNOT);
    *sink = sink_of(p, path);
    if (both) c->err = c->out;
    return true;
}

/* --- Helper scripts --- */

static struct shell_list *parse_lines(struct parser *p);

/* Lines for this shell: no other interpreter is asked for, and no byte is beyond text. */
static bool is_for_shell(const char *text) {
    if (strncmp(text, "#!", 2) != 0) return *text != '\x7f';
    char line[64];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    size_t len = strlen(line);
    return len >= 2 && !strcmp(line + len - 2, "sh"); /* sh, bash, env bash. */
}

static void read_script(struct parser *p, struct shell_command *c) {
    const char *path = c->argv[0], *text = NULL;
    bool room = p->depth < MAX_DEPTH && (*p->scripts)++ < MAX_SCRIPTS;
    if (room && p->host && p->host->read_file) text = p->host->read_file(p->host->ctx, path);
    if (!text || !is_for_shell(text)) {
        fail(p, SHELL_CANNOT);
        return;
    }
    char *copy = drill_arena_text(p->arena, text, strlen(text));
    struct parser inner = {copy, p->host, p->arena, p->depth + 1, p->scripts, copy ? 0 : -LA_ENOMEM};
    c->script = copy ? parse_lines(&inner) : NULL;
    if (inner.error) fail(p, inner.error);
}

/* "/sbin/sysctl" is the administrator's command as well, and must not reach the machine's own. */
static bool is_system_path(const char *name) {
    static const char *const folders[] = {"/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/sbin/"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (!strncmp(name, folders[i], strlen(folders[i]))) return true;
    return false;
}

/* --- Commands and lists --- */

static bool is_assignment(const char *word) {
    const char *c = word;
    while (isalnum((unsigned char)*c) || *c == '_') c++;
    return c != word && *c == '=';
}

static struct shell_command *parse_command(struct parser *p) {
    const char *words[MAX_WORDS];
    struct shell_command *c = make(p, sizeof *c);
    bool plain = true, first_plain = true;
    if (!c) return NULL;
    c->out.kind = SINK_OUT;
    c->err.kind = SINK_ERR;
    for (skip_blanks(p); !p->error; skip_blanks(p)) {
        if (take_redirection(p, c)) continue;
        const char *word = p->error ? NULL : take_word(p, &plain);
        if (!word) break;
        if (c->argc == 0) first_plain = plain;
        if (c->argc + 1 == MAX_WORDS)
            fail(p, SHELL_CANNOT);
        else
            words[c->argc++] = word;
    }
    if (!p->error && (c->argc == 0 || (first_plain && is_assignment(words[0])))) fail(p, SHELL_CANNOT);
    if (p->error) return NULL;
    c->argv = make(p, ((size_t)c->argc + 1) * sizeof *c->argv);
    if (!c->argv) return NULL;
    memcpy(c->argv, words, (size_t)c->argc * sizeof *words);
    bool path = strchr(words[0], '/') != NULL;
    if (path && !(is_system_path(words[0]) && shim_known(words[0]))) read_script(p, c);
    return c;
}

static struct shell_command *parse_pipeline(struct parser *p) {
    struct shell_command *first = parse_command(p), *last = first;
    while (!p->error && p->at[0] == '|' && p->at[1] != '|') {
        p->at++;
        while (skip_blanks(p), *p->at == '\n') p->at++;
        last->next = parse_command(p);
        last = last->next;
    }
    return first;
}

/* What stands between two pipelines. */
static enum shell_when take_separator(struct parser *p) {
    if (!strncmp(p->at, "&&", 2) || !strncmp(p->at, "||", 2)) {
        enum shell_when when = *p->at == '&' ? SHELL_IF_TRUE : SHELL_IF_FALSE;
        p->at += 2;
        while (skip_blanks(p), *p->at == '\n') p->at++;
        if (!*p->at) fail(p, SHELL_CANNOT);
        return when;
    }
    if (*p->at == ';' && p->at[1] != ';')
        p->at++;
    else if (*p->at && *p->at != '\n')
        fail(p, SHELL_CANNOT);
    return SHELL_ALWAYS;
}

static struct shell_list *parse_lines(struct parser *p) {
    struct shell_list *first = NULL, **next = &first;
    enum shell_when when = SHELL_ALWAYS;
    while (!p->error) {
        while (skip_blanks(p), *p->at == '\n') p->at++;
        if (!*p->at) break;
        struct shell_list *item = make(p, sizeof *item);
        if (!item) break;
        item->when = when;
        item->first = parse_pipeline(p);
        *next = item;
        next = &item->next;
        if (!p->error) when = take_separator(p);
    }
    return first;
}

int shell_parse(const char *text, const struct la_drill_host *host, struct drill_arena *arena,
                struct shell_list **list) {
    unsigned scripts = 0;
    struct parser p = {text, host, arena, 0, &scripts, 0};
    *list = parse_lines(&p);
    return p.error;
}
