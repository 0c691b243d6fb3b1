/* Settings of the host, and where lines that change them are looked for. */
#ifndef INSPECT_LINUX_FACTS_H
#define INSPECT_LINUX_FACTS_H

#include "snap.h"

/* A setting of the network namespace that the calling thread is in: "net.ipv4.tcp_fin_timeout", with "#2" behind for
 * the second number. -1: there is none, or it cannot be read. */
int64_t linux_setting(const char *name);
/* Whether there is a setting of this name. */
bool linux_has_setting(const char *name);

/* linux_sysctl_files for a tree other than "/": `root` comes before each path, and not into the snapshot. */
void linux_sysctl_files_under(struct snap *snap, const char *root);

#endif
