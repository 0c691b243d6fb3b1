#define _GNU_SOURCE
#include "linux_netns.h"

#include "linux.h"
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
    struct netns_list *list;
    struct map seen; /* inode -> anything */
    dev_t device;    /* All namespaces are files of one file system. */
};

/* A name of /run/netns, or NULL: that of the process. */
static void meet(struct search *search, const char *path, const char *name, const char *pid) {
    struct netns_list *list = search->list;
    struct stat file;
    if (stat(path, &file)) {
        list->unseen += pid && (errno == EACCES || errno == EPERM);
        return;
    }
    if (file.st_dev != search->device || map_get(&search->seen, file.st_ino) != MAP_NONE) return;
    if (list->n == list->room) {
        uint32_t room = list->room ? list->room * 2 : 16;
        struct netns_found *larger = realloc(list->list, room * sizeof *larger);
        list->failed |= !larger;
        if (!larger) return;
        list->list = larger;
        list->room = room;
    }
    list->failed |= !map_put(&search->seen, file.st_ino, 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) return;
    list->list[list->n++] = (struct netns_found){
        .name = name ? snap_text(search->snap, name) : snap_format(search->snap, "pid %s's", pid),
        .inode = file.st_ino,
        .fd = fd,
    };
}

static void each_entry(struct search *search, const char *folder, bool processes) {
    char path[320];
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && !search->list->failed && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        if (name[0] == '.' || (processes && name[strspn(name, "0123456789")])) continue;
        int len = snprintf(path, sizeof path, "%s/%s%s", folder, name, processes ? "/ns/net" : "");
        if (len < 0 || (size_t)len >= sizeof path) continue;
        meet(search, path, processes ? NULL : name, processes ? name : NULL);
    }
    if (dir) closedir(dir);
}

void linux_netns_find(struct snap *snap, struct netns_list *list) {
    *list = (struct netns_list){0};
    struct stat own;
    if (stat(OWN, &own)) return;
    struct search search = {.snap = snap, .list = list, .device = own.st_dev};
    list->failed = !map_put(&search.seen, own.st_ino, 0);
    each_entry(&search, "/run/netns", false);
    each_entry(&search, "/proc", true);
    map_free(&search.seen);
}

void linux_netns_free(struct netns_list *list) {
    for (uint32_t i = 0; i < list->n; i++)
        if (list->list[i].fd >= 0) close(list->list[i].fd);
    free(list->list);
    *list = (struct netns_list){0};
}
