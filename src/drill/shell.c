/* The small shell: runs a parsed command.
 *
 * First everything is looked at, helper scripts included: a single command that is not known sends the whole to a real
 * shell, and nothing has happened yet. Then the commands of a pipeline run one behind the other, each with the whole
 * output of the one before it. A status is sh's: the last command's of a pipeline, the last pipeline's of a list. */
#include "shell.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell_grep.h"
#include "shell_parse.h"
#include "shim.h"

#define PIPE_SIZE 131072

struct shell {
    struct drill_stack_target *t;
    struct drill_text output; /* Of the whole command. */
};

/* What one command has. */
struct step {
    struct shell *shell;
    const struct shell_command *command;
    const char *input; /* NULL: none is piped in. */
    struct drill_text *out, *err;
};

/* --- Files --- */

static bool is_readable(const struct drill_stack_target *t, const char *path) {
    char value[SYSCTL_TEXT];
    const char *name = sysctl_of_file(path);
    return name ? sysctl_read(t, name, value) == 0 : !strcmp(path, "/proc/net/tcp") || !strcmp(path, "/proc/net/tcp6");
}

static void read_file(struct drill_stack_target *t, const char *path, struct drill_text *out) {
    char value[SYSCTL_TEXT];
    const char *name = sysctl_of_file(path);
    if (!name)
        shim_proc_net(t, !strcmp(path, "/proc/net/tcp6"), out);
    else if (sysctl_read(t, name, value) == 0)
        drill_text_add(out, "%s\n", value);
}

static bool are_readable(const struct drill_stack_target *t, const struct shell_command *c, int first) {
    for (int n = first; n < c->argc; n++)
        if (!is_readable(t, c->argv[n])) return false;
    return true;
}

/* --- The shell's own commands --- */

static int run_true(const struct step *s) { return (void)s, 0; }
static int run_false(const struct step *s) { return (void)s, 1; }

static bool can_echo(const struct drill_stack_target *t, const struct shell_command *c, bool piped) {
    (void)t, (void)piped;
    for (int n = 1; n < c->argc; n++) /* Shells differ about these. */
        if (strchr(c->argv[n], '\\') || (n == 1 && c->argv[n][0] == '-' && strcmp(c->argv[n], "-n") != 0)) return false;
    return true;
}

static int run_echo(const struct step *s) {
    const struct shell_command *c = s->command;
    bool open = c->argc > 1 && !strcmp(c->argv[1], "-n");
    int first = open ? 2 : 1;
    for (int n = first; n < c->argc; n++) drill_text_add(s->out, "%s%s", n > first ? " " : "", c->argv[n]);
    if (!open) drill_text_add(s->out, "\n");
    return 0;
}

static bool can_cat(const struct drill_stack_target *t, const struct shell_command *c, bool piped) {
    return (c->argc > 1 || piped) && are_readable(t, c, 1);
}

static int run_cat(const struct step *s) {
    const struct shell_command *c = s->command;
    if (c->argc == 1) drill_text_add(s->out, "%s", s->input);
    for (int n = 1; n < c->argc; n++) read_file(s->shell->t, c->argv[n], s->out);
    return 0;
}

static bool can_wc(const struct drill_stack_target *t, const struct shell_command *c, bool piped) {
    (void)t;
    return piped && c->argc == 2 && !strcmp(c->argv[1], "-l");
}

static int run_wc(const struct step *s) {
    unsigned lines = 0;
    for (const char *c = s->input; *c; c++) lines += *c == '\n';
    drill_text_add(s->out, "%u\n", lines);
    return 0;
}

static bool can_grep(const struct drill_stack_target *t, const struct shell_command *c, bool piped) {
    struct grep grep;
    return grep_read(&grep, c->argc, c->argv) && (grep.files < c->argc || piped) && are_readable(t, c, grep.files);
}

static int run_grep(const struct step *s) {
    const struct shell_command *c = s->command;
    struct grep grep;
    unsigned selected = 0;
    if (!grep_read(&grep, c->argc, c->argv)) return 2;
    if (grep.files == c->argc) return grep_text(&grep, s->input, NULL, s->out) ? 0 : 1;
    char *text = malloc(PIPE_SIZE);
    if (!text) return -LA_ENOMEM;
    for (int n = grep.files; n < c->argc; n++) {
        struct drill_text file = drill_text_in(text, PIPE_SIZE);
        read_file(s->shell->t, c->argv[n], &file);
        selected += grep_text(&grep, text, c->argc - grep.files > 1 ? c->argv[n] : NULL, s->out);
    }
    free(text);
    return selected ? 0 : 1;
}

static const struct builtin {
    const char *name;
    bool (*can)(const struct drill_stack_target *t, const struct shell_command *c, bool piped); /* NULL: always. */
    int (*run)(const struct step *s);
} builtins[] = {
    {"true", NULL, run_true},     {":", NULL, run_true},         {"false", NULL, run_false},
    {"echo", can_echo, run_echo}, {"cat", can_cat, run_cat},     {"wc", can_wc, run_wc},
    {"grep", can_grep, run_grep}, {"egrep", can_grep, run_grep}, {"fgrep", can_grep, run_grep},
};

static const struct builtin *builtin_of(const char *name) {
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++)
        if (!strcmp(builtins[i].name, name)) return &builtins[i];
    return NULL;
}

/* --- Looking before running --- */

static bool can_list(const struct drill_stack_target *t, const struct shell_list *list);

static bool can_sink(const struct drill_stack_target *t, const struct shell_sink *sink) {
    char value[SYSCTL_TEXT];
    return sink->kind != SINK_SYSCTL || sysctl_read(t, sink->sysctl, value) == 0;
}

static bool can_command(const struct drill_stack_target *t, const struct shell_command *c, bool piped) {
    if (!can_sink(t, &c->out) || !can_sink(t, &c->err)) return false;
    if (strchr(c->argv[0], '/') && !shim_known(c->argv[0])) return can_list(t, c->script);
    const struct builtin *b = builtin_of(c->argv[0]);
    if (b) return !b->can || b->can(t, c, piped);
    return shim_known(c->argv[0]);
}

static bool can_list(const struct drill_stack_target *t, const struct shell_list *list) {
    for (; list; list = list->next)
        for (const struct shell_command *c = list->first; c; c = c->next)
            if (!can_command(t, c, c != list->first)) return false;
    return true;
}

/* --- Running --- */

static int run_list(struct shell *shell, const struct shell_list *list, const char *input, struct drill_text *out,
                    struct drill_text *err);

static int run_argv(const struct step *s) {
    const struct shell_command *c = s->command;
    const struct builtin *b = builtin_of(c->argv[0]);
    if (b) return b->run(s);
    if (!shim_known(c->argv[0])) return run_list(s->shell, c->script, s->input, s->out, s->err);
    return shim_run(&(struct shim){s->shell->t, c->argc, c->argv, s->input, s->out, s->err});
}

/* A sysctl's file takes what is written to it. */
static int write_sysctl(struct shell *shell, const char *name, const char *value) {
    const char *why = NULL;
    int error = sysctl_write(shell->t, name, value, &why);
    if (!error) return 0;
    if (error != -LA_EOPNOTSUPP) why = la_errno_text(-error);
    drill_text_add(&shell->output, "%s: %s\n", name, why ? why : "refused");
    return error == -LA_EOPNOTSUPP ? error : 1;
}

/* Its own buffers, then each where it is to go. What must not get lost does not go through a pipe that is too small. */
static int run_redirected(struct step s, struct drill_text *out, struct drill_text *err, char *buffer) {
    struct drill_text own_out = drill_text_in(buffer, PIPE_SIZE),
                      own_err = drill_text_in(buffer + PIPE_SIZE, PIPE_SIZE);
    const struct shell_command *c = s.command;
    s.out = &own_out;
    s.err = &own_err;
    int status = run_argv(&s);
    if (status == -LA_EOPNOTSUPP) drill_text_bytes(&s.shell->output, own_err.at, own_err.len);
    if (status < 0) return status;
    const struct shell_sink *sinks[] = {&c->out, &c->err};
    const struct drill_text *texts[] = {&own_out, &own_err};
    for (unsigned i = 0; i < 2; i++) {
        struct drill_text *to = sinks[i]->kind == SINK_OUT ? out : sinks[i]->kind == SINK_ERR ? err : NULL;
        if (to) drill_text_bytes(to, texts[i]->at, texts[i]->len);
        if (sinks[i]->kind != SINK_SYSCTL || texts[i]->len == 0) continue;
        int error = write_sysctl(s.shell, sinks[i]->sysctl, texts[i]->at);
        if (error) return error;
    }
    return own_out.cut ? -LA_ENOMEM : status;
}

static int run_command(struct step s) {
    const struct shell_command *c = s.command;
    if (c->out.kind == SINK_OUT && c->err.kind == SINK_ERR) return run_argv(&s);
    char *buffer = malloc(2 * PIPE_SIZE);
    if (!buffer) return -LA_ENOMEM;
    int status = run_redirected(s, s.out, s.err, buffer);
    free(buffer);
    return status;
}

static int run_pipeline(struct shell *shell, const struct shell_command *c, const char *input, struct drill_text *out,
                        struct drill_text *err) {
    if (!c->next) return run_command((struct step){shell, c, input, out, err});
    char *buffer = malloc(2 * PIPE_SIZE);
    int status = buffer ? 0 : -LA_ENOMEM;
    for (unsigned side = 0; c && status >= 0; c = c->next, side ^= 1) {
        struct drill_text pipe = drill_text_in(buffer + side * PIPE_SIZE, PIPE_SIZE);
        status = run_command((struct step){shell, c, input, c->next ? &pipe : out, err});
        if (pipe.cut && status >= 0) status = -LA_ENOMEM;
        input = pipe.at;
    }
    free(buffer);
    return status;
}

static int run_list(struct shell *shell, const struct shell_list *list, const char *input, struct drill_text *out,
                    struct drill_text *err) {
    int status = 0;
    for (; list && status >= 0; list = list->next) {
        bool runs = list->when == SHELL_ALWAYS || (list->when == SHELL_IF_TRUE) == (status == 0);
        if (runs) status = run_pipeline(shell, list->first, input, out, err);
    }
    return status;
}

int shell_run(struct la_drill_target *target, const char *command, const struct la_drill_host *host, char *output,
              size_t size) {
    struct drill_arena arena = {NULL};
    struct shell_list *list;
    struct shell shell = {drill_stack_of(target), drill_text_in(output, size)};
    int status = shell_parse(command, host, &arena, &list);
    if (!status && !can_list(shell.t, list)) status = SHELL_CANNOT;
    if (!status) status = run_list(&shell, list, NULL, &shell.output, &shell.output);
    drill_arena_free(&arena);
    return status;
}
