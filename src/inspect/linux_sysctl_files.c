/* Lines of sysctl.conf and sysctl.d that have to do with TCP's states, in the order in which they take effect.
 *
 * As sysctl.d(5) has it: the files of all directories are sorted by name together; of several with one name only that
 * in the first directory counts, and a link to /dev/null there switches the name off. `sysctl --system` then reads
 * /etc/sysctl.conf; where 99-sysctl.conf is a link to that, it was read already.
 *
 * Kept are settings that people take to end CLOSE_WAIT, FIN_WAIT_2 or TIME_WAIT, whether they do or not, and TCP
 * settings that this kernel does not have. */
#define _GNU_SOURCE
#include "linux.h"

#include "linux_facts.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* In order of precedence. */
static const char *const folders[] = {"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d",
                                      "/lib/sysctl.d"};
#define NFOLDERS (sizeof folders / sizeof folders[0])
#define FILES_MAX 1024
#define LINES_MAX 10000

struct entry {
    unsigned folder;
    char name[256];
};

struct reading {
    struct snap *snap;
    const char *root;
    struct stat conf; /* /etc/sysctl.conf; zero: there is none. */
    bool conf_read;   /* By a link to it. */
};

#define CONF "/etc/sysctl.conf"

/* --- One line --- */

static char *trim(char *text) {
    while (isspace((unsigned char)*text)) text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1])) text[--len] = '\0';
    return text;
}

/* Dots between the parts. A name whose first separator is a slash has them the other way round. */
static void with_dots(char *name) {
    if (name[strcspn(name, "./")] != '/') return;
    for (; *name; name++)
        if (*name == '.' || *name == '/') *name = *name == '/' ? '.' : '/';
}

static bool concerns_states(const char *name) {
    static const char *const words[] = {"tcp_tw_recycle", "tcp_fin_timeout", "tcp_keepalive_", "close_wait",
                                        "closewait",      "time_wait",       "timewait",       "timedwait"};
    if (strcasestr(name, "conntrack")) return false; /* The firewall's states are its own. */
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasestr(name, words[i])) return true;
    return !strncmp(name, "net.ipv4.tcp_", strlen("net.ipv4.tcp_")) && !linux_has_setting(name);
}

static void read_line(struct reading *reading, const char *file, uint32_t number, char *text) {
    char *name = trim(text), *value = strchr(name, '=');
    if (!*name || *name == '#' || *name == ';' || !value) return;
    *value++ = '\0';
    name = trim(name);
    if (*name == '-') name = trim(name + 1); /* "Errors are fine." */
    with_dots(name);
    if (!concerns_states(name)) return;
    struct snap_line *line = snap_add_line(reading->snap);
    if (!line) return;
    line->file = file;
    line->line = number;
    line->name = snap_text(reading->snap, name);
    line->value = snap_text(reading->snap, trim(value));
}

/* --- Files --- */

static FILE *open_file(struct reading *reading, const char *path) {
    char full[1024];
    struct stat is;
    int len = snprintf(full, sizeof full, "%s%s", reading->root, path);
    int fd = len > 0 && (size_t)len < sizeof full ? open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    FILE *file = NULL;
    if (fd >= 0 && !fstat(fd, &is) && S_ISREG(is.st_mode)) file = fdopen(fd, "r");
    if (!file && fd >= 0) close(fd);
    reading->conf_read |= file && is.st_dev == reading->conf.st_dev && is.st_ino == reading->conf.st_ino;
    return file;
}

static void read_file(struct reading *reading, const char *path) {
    char text[1024];
    FILE *file = open_file(reading, path);
    if (!file) return;
    const char *name = snap_text(reading->snap, path);
    bool whole = true; /* `text` begins a line. */
    for (uint32_t number = 1; number < LINES_MAX && fgets(text, sizeof text, file);) {
        bool ends = strchr(text, '\n') != NULL;
        if (whole) read_line(reading, name, number, text);
        whole = ends;
        number += ends;
    }
    fclose(file);
}

/* The names of one directory that no directory before it has. */
static uint32_t list_folder(const struct reading *reading, unsigned folder, struct entry *entries, uint32_t n) {
    char path[1024];
    int len = snprintf(path, sizeof path, "%s%s", reading->root, folders[folder]);
    DIR *dir = len > 0 && (size_t)len < sizeof path ? opendir(path) : NULL;
    uint32_t before = n;
    for (struct dirent *entry; dir && n < FILES_MAX && (entry = readdir(dir));) {
        size_t size = strlen(entry->d_name);
        if (size < 6 || size >= sizeof entries->name || strcmp(entry->d_name + size - 5, ".conf") != 0) continue;
        bool known = false;
        for (uint32_t i = 0; i < before && !known; i++) known = !strcmp(entries[i].name, entry->d_name);
        if (known) continue;
        entries[n].folder = folder;
        memcpy(entries[n++].name, entry->d_name, size + 1);
    }
    if (dir) closedir(dir);
    return n;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

void linux_sysctl_files_under(struct snap *snap, const char *root) {
    struct reading reading = {.snap = snap, .root = root};
    struct entry *entries = malloc(FILES_MAX * sizeof *entries);
    char path[1024];
    uint32_t n = 0;
    if (!entries) {
        snap->failed = true;
        return;
    }
    int len = snprintf(path, sizeof path, "%s" CONF, root);
    if (len < 0 || (size_t)len >= sizeof path || stat(path, &reading.conf)) reading.conf = (struct stat){0};
    for (unsigned folder = 0; folder < NFOLDERS; folder++) n = list_folder(&reading, folder, entries, n);
    qsort(entries, n, sizeof *entries, by_name);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[entries[i].folder], entries[i].name);
        read_file(&reading, path);
    }
    free(entries);
    if (!reading.conf_read) read_file(&reading, CONF);
}

void linux_sysctl_files(struct snap *snap) { linux_sysctl_files_under(snap, ""); }
