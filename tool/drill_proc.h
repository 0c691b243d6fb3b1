/* /proc as a script's shell sees it: the machine's own, but for the stack's sysctls and lists of connections. */
#ifndef TOOL_DRILL_PROC_H
#define TOOL_DRILL_PROC_H

#include <lastack/drill.h>

#define PROC_FILES 256

struct proc_file {
    char name[80];  /* "net/ipv4/tcp_rmem" */
    char value[96]; /* As last written to the file. */
};

struct proc_view {
    char folder[80]; /* Stands for /proc. */
    unsigned nfiles;
    struct proc_file file[PROC_FILES];
    bool shown; /* Whether processes here may have a /proc of their own. */
};

/* Makes the folder, which must not exist and which the caller removes, and finds out whether it can be shown. 0 or a
 * negative errno. */
int proc_view_make(struct proc_view *view, const char *folder);

/* In the child that is to see it: from now on /proc is the view and nothing of /proc/sys or /sys beyond it can be
 * written. False: this machine does not allow it. */
bool proc_view_enter(const struct proc_view *view);

/* The target's values into the files. */
void proc_view_write(struct proc_view *view, struct la_drill_target *target);
/* What has been written to the files goes to the target. Returns as la_drill_shim of the first that was refused, with
 * its output; 0. */
int proc_view_read(struct proc_view *view, struct la_drill_target *target, char *output, size_t size);

#endif
