/* A small shell for what most commands of scripts are: it starts no process.
 *
 * It knows words with quotes, $((arithmetic)) and $PPID; lists with ; && || and newlines; pipelines; > and 2> to
 * /dev/null, to each other and to files of sysctls; comments; helper scripts of such lines; and as commands the
 * administrator's (shim.h), grep, cat, wc -l, echo, true, false and `:`. */
#ifndef DRILL_SHELL_H
#define DRILL_SHELL_H

#include <lastack/drill.h>

/* Something in the command needs a real shell. Nothing has been run. */
#define SHELL_CANNOT (-100000)

/* Runs a command on a stack target. Returns its exit status as sh would, with both outputs in `output`, cut to `size`;
 * -LA_EOPNOTSUPP as la_drill_shim; -LA_ENOMEM; SHELL_CANNOT. `host` (may be NULL) reads helper scripts and knows $PPID.
 */
int shell_run(struct la_drill_target *target, const char *command, const struct la_drill_host *host, char *output,
              size_t size);

#endif
