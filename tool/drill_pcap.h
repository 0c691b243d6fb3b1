/* --pcap: a target's packets into a file. */
#ifndef TOOL_DRILL_PCAP_H
#define TOOL_DRILL_PCAP_H

#include <lastack/drill.h>

/* From here on what `target` gets and sends is written to `path` (pcapng), until its close. One target of a process at
 * a time. 0 or a negative errno. */
int drill_pcap_hook(struct la_drill_target *target, const char *path);

#endif
