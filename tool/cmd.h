/* The verbs of the command: each takes its own arguments (argv[0] is the verb) and returns the exit status. */
#ifndef TOOL_CMD_H
#define TOOL_CMD_H

enum exit_status {
    EXIT_AS_SCRIPTED = 0,     /* All went as its script says. */
    EXIT_OTHERWISE = 1,       /* A connection did otherwise. */
    EXIT_UNABLE = 2,          /* Wrong usage, or the machine does not allow it; a message says what to do. */
    EXIT_NOT_APPLICABLE = 77, /* Nothing that was asked for applies here. */
};

#define LASTACK_VERSION "0.1.0"

int cmd_drill(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_fix(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_lsof(int argc, char **argv);
int cmd_netstat(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_ss(int argc, char **argv);
int cmd_states(int argc, char **argv);
int cmd_tour(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_why(int argc, char **argv);

#endif
