/* The view of /proc.
 *
 * A folder of ours has a symbolic link for everything that /proc has (but processes), by way of `.real`, where the
 * machine's /proc is mounted; sys/net and net/tcp are files of ours. A child makes a mount namespace of its own (as
 * root, or in a user namespace where the kernel lets anybody have one), mounts the folder over /proc, and what it and
 * its children read and write there is the stack's. Nothing is ever mounted outside such a namespace.
 *
 * The files are plain ones: they are written before a command runs and after each request of it, and read back before
 * the request and at the end. */
#define _GNU_SOURCE
#include "drill_proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_SIZE 512

/* --- Files --- */

static bool write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    size_t len = strlen(text);
    bool ok = write(fd, text, len) == (ssize_t)len;
    return close(fd) == 0 && ok;
}

static bool read_text(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, text, size - 1);
    close(fd);
    if (n < 0) return false;
    while (n > 0 && isspace((unsigned char)text[n - 1])) n--;
    text[n] = '\0';
    return true;
}

static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
}

/* Links to everything in `real`, seen from `folder` as `target`/NAME, but for what is there already and for processes.
 */
static int link_all(const char *folder, const char *real, const char *target) {
    DIR *dir = opendir(real);
    struct dirent *entry;
    if (!dir) return -errno;
    while ((entry = readdir(dir)) != NULL) {
        char path[PATH_SIZE], to[PATH_SIZE];
        if (entry->d_name[0] == '.' || isdigit((unsigned char)entry->d_name[0])) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        snprintf(to, sizeof to, "%s/%s", target, entry->d_name);
        if (symlink(to, path) < 0 && errno != EEXIST) break;
    }
    closedir(dir);
    return entry ? -errno : 0;
}

static bool can_enter(const struct proc_view *view) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) _exit(proc_view_enter(view) && access("/proc/.real/self", F_OK) == 0 ? 0 : 1);
    if (pid < 0) return false;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int proc_view_make(struct proc_view *view, const char *folder) {
    static const char *const folders[] = {"", "/.real", "/sys", "/sys/net", "/sys/net/ipv4", "/net"};
    char path[PATH_SIZE];
    *view = (struct proc_view){.nfiles = 0};
    if ((size_t)snprintf(view->folder, sizeof view->folder, "%s", folder) >= sizeof view->folder) return -ENAMETOOLONG;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, sizeof path, "%s%s", folder, folders[i]);
        if (mkdir(path, 0755) < 0) return -errno;
    }
    snprintf(path, sizeof path, "%s/net/tcp", folder);
    write_file(path, "");
    snprintf(path, sizeof path, "%s/net/tcp6", folder);
    write_file(path, "");
    snprintf(path, sizeof path, "%s/net", folder);
    link_all(path, "/proc/self/net", "../.real/self/net");
    snprintf(path, sizeof path, "%s/sys", folder);
    link_all(path, "/proc/sys", "../.real/sys");
    int error = link_all(folder, "/proc", ".real");
    view->shown = !error && can_enter(view);
    return error;
}

/* --- Showing --- */

#define FLAGS_KEPT (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* In a user namespace a tree with mounts below it can be bound as a whole only. Those below keep their flags; who is
 * not root outside may not write to them anyway. */
static bool read_only(const char *path) {
    return (mount(path, path, NULL, MS_BIND, NULL) == 0 || mount(path, path, NULL, MS_BIND | MS_REC, NULL) == 0) &&
           mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | FLAGS_KEPT, NULL) == 0;
}

/* A mount namespace; without root, in a user namespace where we are root. */
static bool separate(void) {
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (uid == 0 && unshare(CLONE_NEWNS) == 0) return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) return false;
    write_file("/proc/self/setgroups", "deny"); /* Older kernels have no such file. */
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)uid);
    if (!write_file("/proc/self/uid_map", map)) return false;
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)gid);
    return write_file("/proc/self/gid_map", map);
}

bool proc_view_enter(const struct proc_view *view) {
    char real[PATH_SIZE], sys[PATH_SIZE];
    snprintf(real, sizeof real, "%s/.real", view->folder);
    snprintf(sys, sizeof sys, "%s/.real/sys", view->folder);
    if (!separate() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return false;
    if (mount("/proc", real, NULL, MS_BIND | MS_REC, NULL) < 0 || !read_only(sys)) return false;
    if (access("/sys", F_OK) == 0 && !read_only("/sys")) return false;
    return mount(view->folder, "/proc", NULL, MS_BIND | MS_REC, NULL) == 0;
}

/* --- Values --- */

static void put(struct proc_view *view, unsigned i, const char *name, const char *value) {
    struct proc_file *file = &view->file[i];
    char path[PATH_SIZE], text[128];
    bool fresh = i == view->nfiles;
    if (!fresh && !strcmp(file->value, value)) return;
    snprintf(file->name, sizeof file->name, "%s", name);
    snprintf(file->value, sizeof file->value, "%s", value);
    snprintf(path, sizeof path, "%s/sys/%s", view->folder, name);
    snprintf(text, sizeof text, "%s\n", value);
    if (fresh) {
        make_folders(path);
        view->nfiles++;
    }
    write_file(path, text);
}

void proc_view_write(struct proc_view *view, struct la_drill_target *target) {
    static char connections[65536];
    char name[80], value[96], path[PATH_SIZE];
    if (!view->shown) return;
    for (unsigned i = 0; i < PROC_FILES && la_drill_proc_sys(target, i, name, sizeof name, value, sizeof value); i++)
        put(view, i, name, value);
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        la_drill_proc_net(target, ip6, connections, sizeof connections);
        snprintf(path, sizeof path, "%s/net/%s", view->folder, ip6 ? "tcp6" : "tcp");
        write_file(path, connections);
    }
}

/* One changed file's value to the target. What becomes of it is what the target then has. */
static int apply(struct proc_file *file, struct la_drill_target *target, const char *value, char *output, size_t size) {
    char word[200];
    snprintf(word, sizeof word, "%s=%s", file->name, value);
    const char *argv[] = {"sysctl", "-q", "-w", word, NULL};
    snprintf(file->value, sizeof file->value, "%s", value);
    return la_drill_shim(target, 4, argv, NULL, output, size);
}

int proc_view_read(struct proc_view *view, struct la_drill_target *target, char *output, size_t size) {
    int result = 0;
    for (unsigned i = 0; view->shown && i < view->nfiles; i++) {
        char path[PATH_SIZE], value[96];
        struct proc_file *file = &view->file[i];
        snprintf(path, sizeof path, "%s/sys/%s", view->folder, file->name);
        if (!read_text(path, value, sizeof value) || !strcmp(value, file->value)) continue;
        int status = apply(file, target, value, output, size);
        if (status && !result) result = status;
    }
    return result;
}
