/* Which systemd unit and which container a process belongs to, from the text of /proc/PID/cgroup. */
#ifndef INSPECT_LINUX_UNIT_H
#define INSPECT_LINUX_UNIT_H

#define UNIT_TEXT 256

/* Both are "" where there is none. A container's id is shortened to twelve characters, as docker and podman print it.
 */
void unit_of_cgroup(const char *text, char unit[UNIT_TEXT], char container[UNIT_TEXT]);

#endif
