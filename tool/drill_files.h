/* The scripts that the arguments name, and the profile that each runs under. */
#ifndef TOOL_DRILL_FILES_H
#define TOOL_DRILL_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct script_file {
    char *path;          /* As reports show it: an argument, or what was found below one; "-" is standard input. */
    size_t dir_len;      /* How much of it names the directory; 0: "." */
    const char *profile; /* By collection; see files_profile. */
    char *text;          /* Standard input was read at once; NULL for the others. */
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
 * 1. The nearest file `drill.profile` in the script's directory or one above it: its first word.
 * 2. Otherwise the last of the path's directories that is called linux (linux), freebsd or bsd (freebsd).
 * 3. Otherwise linux.
 *
 * NULL with a sentence in `error` when a drill.profile names no profile. */
const char *files_profile(const char *path, char *error, size_t size);

/* "linux", "freebsd" or "rfc" when the word is one of these; otherwise NULL. */
const char *files_profile_named(const char *word, size_t len);

/* Reads a whole file (at most 16 MiB) into memory of malloc, a NUL behind it. NULL: errno says why. */
char *files_read(const char *path, size_t *len);

#endif
