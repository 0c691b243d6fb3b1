#define _GNU_SOURCE
#include "linux_netns.h"

#include "linux.h"
#include "linux_procfs.h"
#include "map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN "/proc/thread-self/ns/net"

/* --- Entering --- */

struct visit {
    int fd, error;
    void (*work)(void *arg);
    void *arg;
};

static void *visit(void *arg) {
    struct visit *to = arg;
    if (setns(to->fd, CLONE_NEWNET)) {
        to->error = -errno;
    } else {
        to->work(to->arg);
    }
    return NULL;
}

int linux_in_netns_fd(int fd, void (*work)(void *arg), void *arg) {
    struct visit to = {.fd = fd, .work = work, .arg = arg};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, visit, &to);
    if (error) return -error;
    error = pthread_join(thread, NULL);
    return error ? -error : to.error;
}

int linux_in_netns(const char *path, void (*work)(void *arg), void *arg) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -errno;
    int error = linux_in_netns_fd(fd, work, arg);
    close(fd);
    return error;
}

/* --- Finding --- */

uint64_t linux_netns_own(void) {
    struct stat own;
    return stat(OWN, &own) ? 0 : own.st_ino;
}

struct search {
    struct snap *snap;
    struct map seen; /* inode -> anything */
    dev_t device;    /* All namespaces are files of one file system. */
    uint32_t untold; /* Processes whose namespace is not told. */
    void (*found)(void *arg, const struct netns_found *netns);
    void *arg;
};

static bool holds_untold(const char *pid) {
    char program[64];
    int procfs = procfs_open();
    bool holds = procfs >= 0 && procfs_may_hold(procfs, (int32_t)strtol(pid, NULL, 10), program);
    if (procfs >= 0) close(procfs);
    return holds;
}

/* A name of /run/netns, or NULL: that of the process. */
static void meet(struct search *search, const char *path, const char *name, const char *pid) {
    struct stat file;
    if (stat(path, &file)) {
        search->untold += pid && (errno == EACCES || errno == EPERM) && holds_untold(pid);
        return;
    }
    if (file.st_dev != search->device || map_get(&search->seen, file.st_ino) != MAP_NONE) return;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ESRCH)) return;
    struct netns_found netns = {.inode = file.st_ino, .fd = fd < 0 ? -errno : fd};
    netns.name = name ? snap_text(search->snap, name) : snap_format(search->snap, "pid %s's", pid);
    if (!map_put(&search->seen, file.st_ino, 0)) search->snap->failed = true;
    search->found(search->arg, &netns);
    if (fd >= 0) close(fd);
}

static void each_entry(struct search *search, const char *folder, bool processes) {
    char path[320];
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && !search->snap->failed && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        if (name[0] == '.' || (processes && name[strspn(name, "0123456789")])) continue;
        int len = snprintf(path, sizeof path, "%s/%s%s", folder, name, processes ? "/ns/net" : "");
        if (len < 0 || (size_t)len >= sizeof path) continue;
        meet(search, path, processes ? NULL : name, processes ? name : NULL);
    }
    if (dir) closedir(dir);
}

uint32_t linux_netns_each(struct snap *snap, void (*found)(void *arg, const struct netns_found *netns), void *arg) {
    struct stat own;
    if (stat(OWN, &own)) return 0;
    struct search search = {.snap = snap, .device = own.st_dev, .found = found, .arg = arg};
    if (!map_put(&search.seen, own.st_ino, 0)) snap->failed = true;
    each_entry(&search, "/run/netns", false);
    each_entry(&search, "/proc", true);
    map_free(&search.seen);
    return search.untold;
}
