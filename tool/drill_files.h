/* The scripts that the arguments name, and the profile that each runs under. */
#ifndef TOOL_DRILL_FILES_H
#define TOOL_DRILL_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct script_file {
    char *path;     /* As reports show it: an argument, or what was found below one; "-" is standard input. */
    size_t dir_len; /* How much of it names the directory; 0: "." */
    char *profile;  /* By collection; see files_profile. */
    char *text;     /* Standard input was read at once; NULL for the others. */
    size_t len;
};

struct script_files {
    struct script_file *file;
    size_t count, room;
};

/* Adds a file, every *.pkt below a directory in order of their names, or "-". False with a sentence in `error`. */
bool files_add(struct script_files *files, const char *path, char *error, size_t size);
void files_free(struct script_files *files);

/* The profile of a script's collection. It depends on where the script lies and never on what stands in it:
 *
 * 1. The nearest file `drill.profile` in the script's directory or one above it: its first line, a profile and settings
 *    that differ from it ("linux net.ipv4.tcp_rmem_max=3145728").
 * 2. Otherwise the last of the path's directories that is called freebsd, bsd or linux. The last two are how
 * packetdrill's own tests are sorted, which are of 2013: a Linux whose receive buffers made a window scale of 6, and a
 * FreeBSD that rounded windows down and answered a SYN+ACK to a listener.
 * 3. Otherwise linux.
 *
 * In memory of malloc. NULL with a sentence in `error` when a drill.profile names no profile, or without memory. */
char *files_profile(const char *path, char *error, size_t size);

/* Whether the text begins with "linux", "freebsd" or "rfc", alone or before a space. */
bool files_is_profile(const char *text);

/* Reads a whole file (at most 16 MiB) into memory of malloc, a NUL behind it. NULL: errno says why. */
char *files_read(const char *path, size_t *len);

#endif
