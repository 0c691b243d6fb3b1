/* The scripts that the arguments name. Directories are walked in order of their entries' names, so that the list is the
 * same everywhere; a directory's own scripts come before those below it. Symbolic links to directories are followed
 * only where an argument names one. */
#define _GNU_SOURCE
#include "drill_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPT_MAX ((size_t)16 << 20)
#define DEPTH_MAX 64
#define PROFILE_FILE "drill.profile"

/* --- Reading --- */

static char *read_all(int fd, size_t *len) {
    size_t room = 16384, used = 0;
    char *text = malloc(room);
    while (text) {
        if (used + 1 == room) {
            char *more = room < SCRIPT_MAX ? realloc(text, room * 2) : NULL;
            if (!more) {
                if (room >= SCRIPT_MAX) errno = EFBIG;
                break;
            }
            text = more;
            room *= 2;
        }
        ssize_t got = read(fd, text + used, room - used - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        if (!got) {
            text[used] = 0;
            *len = used;
            return text;
        }
        used += (size_t)got;
    }
    int error = errno;
    free(text);
    errno = error;
    return NULL;
}

char *files_read(const char *path, size_t *len) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    char *text = read_all(fd, len);
    int error = errno;
    close(fd);
    errno = error;
    return text;
}

/* --- Profiles --- */

bool files_is_profile(const char *text) {
    static const char *const names[] = {"linux", "freebsd", "rfc"};
    size_t len = strcspn(text, " ");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == len && !memcmp(names[i], text, len)) return true;
    return false;
}

/* The first line of a drill.profile in the directory `path[0…len)`. False: there is none there. */
static bool profile_of_file(const char *path, size_t len, char **profile, char *error, size_t size) {
    char name[PATH_MAX + sizeof PROFILE_FILE + 1];
    snprintf(name, sizeof name, "%.*s/" PROFILE_FILE, (int)len, path);
    size_t text_len;
    char *text = files_read(name, &text_len);
    if (!text) return false;
    size_t start = strspn(text, " \t\r\n"), line = strcspn(text + start, "\r\n");
    text[start + line] = 0;
    *profile = files_is_profile(text + start) ? strdup(text + start) : NULL;
    if (!*profile) snprintf(error, size, "%s: expected linux, freebsd or rfc", name);
    free(text);
    return true;
}

/* What a collection's directory is called, and what its scripts were written for. */
static const struct collection {
    const char *directory, *profile;
} collections[] = {
    {"freebsd", "freebsd"},
    {"bsd", "freebsd lastack.tcp_window_rule=2 lastack.tcp_listen_synack_rst=1 net.inet.tcp.delacktime=100"},
    {"linux", "linux net.ipv4.tcp_rmem_max=3145728 lastack.tcp_psh_bursts=0 lastack.tcp_sockbuf_doubled=0"},
};

/* By the last directory of the path with a telling name. */
static const char *profile_of_path(const char *path, size_t len) {
    for (size_t end = len; end;) {
        size_t start = end;
        while (start && path[start - 1] != '/') start--;
        for (size_t i = 0; i < sizeof collections / sizeof collections[0]; i++)
            if (strlen(collections[i].directory) == end - start &&
                !memcmp(collections[i].directory, path + start, end - start))
                return collections[i].profile;
        end = start ? start - 1 : 0;
    }
    return "linux";
}

/* Of the directory `path[0…dir)`, and those above it. */
static const char *profile_in(const char *path, size_t dir, char **profile, char *error, size_t size) {
    for (size_t len = dir;; len--) {
        if (profile_of_file(path, len, profile, error, size)) return NULL;
        while (len && path[len - 1] != '/') len--;
        if (!len) break;
    }
    return profile_of_path(path, dir);
}

char *files_profile(const char *path, char *error, size_t size) {
    char whole[PATH_MAX], *profile = NULL;
    const char *known = "linux";
    if (strcmp(path, "-") != 0 && realpath(path, whole))
        known = profile_in(whole, (size_t)(strrchr(whole, '/') - whole), &profile, error, size);
    if (known && !(profile = strdup(known))) snprintf(error, size, "out of memory");
    return profile;
}

/* --- The list --- */

static bool add_file(struct script_files *files, const char *path, char *error, size_t size) {
    char *profile = files_profile(path, error, size);
    if (!profile) return false;
    if (files->count == files->room) {
        size_t room = files->room ? files->room * 2 : 64;
        struct script_file *more = realloc(files->file, room * sizeof *more);
        if (!more) goto no_memory;
        files->file = more;
        files->room = room;
    }
    const char *slash = strrchr(path, '/');
    struct script_file file = {.path = strdup(path), .profile = profile};
    file.dir_len = slash ? (size_t)(slash - path) + (slash == path) : 0;
    if (!file.path) goto no_memory;
    if (!strcmp(path, "-") && !(file.text = read_all(STDIN_FILENO, &file.len))) {
        snprintf(error, size, "standard input: %s", strerror(errno));
        free(file.path);
        free(profile);
        return false;
    }
    files->file[files->count++] = file;
    return true;
no_memory:
    free(profile);
    snprintf(error, size, "not enough memory");
    return false;
}

static bool is_script(const char *name) {
    size_t len = strlen(name);
    return len > 4 && !strcmp(name + len - 4, ".pkt");
}

/* What lies in a directory: its scripts, or its directories. */
enum entry { ENTRY_SCRIPT, ENTRY_DIRECTORY };

static bool add_directory(struct script_files *files, const char *path, unsigned depth, char *error, size_t size);

static bool add_entry(struct script_files *files, const char *path, enum entry wanted, unsigned depth, char *error,
                      size_t size) {
    struct stat what;
    if (lstat(path, &what)) return true; /* Gone since the directory was read. */
    if (wanted == ENTRY_DIRECTORY) return !S_ISDIR(what.st_mode) || add_directory(files, path, depth + 1, error, size);
    if (S_ISLNK(what.st_mode) && stat(path, &what)) return true;
    return !S_ISREG(what.st_mode) || !is_script(path) || add_file(files, path, error, size);
}

static bool add_directory(struct script_files *files, const char *path, unsigned depth, char *error, size_t size) {
    struct dirent **entry;
    int count = depth < DEPTH_MAX ? scandir(path, &entry, NULL, alphasort) : -1;
    if (count < 0) {
        snprintf(error, size, "%s: %s", path, depth < DEPTH_MAX ? strerror(errno) : "too deep");
        return false;
    }
    bool ok = true;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') len--;
    for (enum entry wanted = ENTRY_SCRIPT; wanted <= ENTRY_DIRECTORY; wanted++)
        for (int i = 0; ok && i < count; i++) {
            char below[PATH_MAX];
            if (entry[i]->d_name[0] == '.') continue;
            int n = snprintf(below, sizeof below, "%.*s%s%s", (int)len, path, path[len - 1] == '/' ? "" : "/",
                             entry[i]->d_name);
            if (n < (int)sizeof below) ok = add_entry(files, below, wanted, depth, error, size);
        }
    for (int i = 0; i < count; i++) free(entry[i]);
    free(entry);
    return ok;
}

bool files_add(struct script_files *files, const char *path, char *error, size_t size) {
    struct stat what;
    if (!strcmp(path, "-")) return add_file(files, path, error, size);
    if (stat(path, &what)) {
        snprintf(error, size, "%s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISDIR(what.st_mode)) return add_file(files, path, error, size);
    size_t before = files->count;
    if (!add_directory(files, path, 0, error, size)) return false;
    if (files->count == before) snprintf(error, size, "%s: no *.pkt is there", path);
    return files->count > before;
}

void files_free(struct script_files *files) {
    for (size_t i = 0; i < files->count; i++) {
        free(files->file[i].path);
        free(files->file[i].profile);
        free(files->file[i].text);
    }
    free(files->file);
    *files = (struct script_files){0};
}
