/* The small shell's language: a command as a tree, all words expanded. */
#ifndef DRILL_SHELL_PARSE_H
#define DRILL_SHELL_PARSE_H

#include <lastack/drill.h>

#include "arena.h"

enum shell_sink_kind { SINK_OUT, SINK_ERR, SINK_NOWHERE, SINK_SYSCTL };

/* Where an output goes. */
struct shell_sink {
    enum shell_sink_kind kind;
    const char *sysctl; /* SINK_SYSCTL: the name; what is written is its value. */
};

struct shell_list;

/* One command of a pipeline. */
struct shell_command {
    int argc;
    const char **argv; /* NULL behind the last. */
    struct shell_sink out, err;
    const struct shell_list *script; /* The lines of a helper script, which this command runs; or NULL. */
    struct shell_command *next;      /* Reads what this one writes. */
};

enum shell_when { SHELL_ALWAYS, SHELL_IF_TRUE, SHELL_IF_FALSE };

struct shell_list {
    enum shell_when when; /* Depends on the status so far. */
    struct shell_command *first;
    struct shell_list *next;
};

/* Reads a command. 0; SHELL_CANNOT where it is beyond this language or not understood; -LA_ENOMEM. An empty command is
 * an empty list (NULL). */
int shell_parse(const char *text, const struct la_drill_host *host, struct drill_arena *arena,
                struct shell_list **list);

/* The value of an arithmetic expression as in $((…)), without variables. False: not understood, too large, or a
 * division by zero. */
bool shell_arithmetic(const char *text, size_t len, int64_t *value);

#endif
