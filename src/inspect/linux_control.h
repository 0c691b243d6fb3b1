/* The asker's side of a control socket (control.h says what is asked; include/lastack/inspect.h has the answering
 * side). Neither waits longer than 5 s for a program that says nothing, nor longer than a minute for one that goes on
 * and on. */
#ifndef INSPECT_LINUX_CONTROL_H
#define INSPECT_LINUX_CONTROL_H

#include "snap.h"

/* Fills a fresh snapshot with what the stack behind this socket file looks like. False: `why` says what to do. */
bool control_snapshot(const char *path, struct snap *snap, char *why, size_t size);

/* Has it reset a connection of such a snapshot, if that is still the same one. */
bool control_reset(const char *path, const struct snap_conn *conn, char *why, size_t size);

#endif
