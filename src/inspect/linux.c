/* linux_snap: which network namespaces are looked at, and in what order the parts come together.
 *
 * A namespace that is not the caller's is looked at by a thread that enters it, one after the other into the same
 * snapshot. One that goes away meanwhile is simply not there; one that may not be entered becomes a blind. */
#define _GNU_SOURCE
#include "linux.h"

#include <lastack/dev.h>

#include "linux_need.h"
#include "linux_netns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

struct look {
    struct snap *snap;
    const struct linux_want *want;
    uint32_t netns;
    int error;
};

/* In the namespace. */
static void look(void *arg) {
    struct look *at = arg;
    at->snap->netns[at->netns].inode = linux_netns_own();
    at->error = linux_diag(at->snap, at->netns, at->want->parts, at->want->states);
    if (!at->error && at->want->parts & LINUX_FACTS) linux_facts(at->snap, at->netns);
}

static struct look look_of(struct snap *snap, const struct linux_want *want, const char *name) {
    struct look at = {.snap = snap, .want = want, .netns = snap->nnetns};
    struct snap_netns *netns = snap_add_netns(snap);
    if (netns) netns->name = name;
    at.error = netns ? 0 : -ENOMEM;
    return at;
}

/* --- One namespace --- */

static int tell_error(int error, char *why, size_t size) {
    if (error == -ENOMEM) {
        snprintf(why, size, "there is not enough memory for the list of connections");
    } else if (error == -ENOENT || error == -EPROTONOSUPPORT) {
        snprintf(why, size,
                 "this kernel does not list TCP connections (sock_diag): load its module, modprobe tcp_diag");
    } else if (error) {
        snprintf(why, size, "the kernel's list of TCP connections cannot be read: %s", strerror(-error));
    }
    return error;
}

static int tell_entering(int error, const char *netns, char *why, size_t size) {
    bool pid = !strncmp(netns, "pid:", 4);
    if (error == -ENOENT && pid) {
        snprintf(why, size, "there is no process %s", netns + 4);
    } else if (error == -ENOENT) {
        snprintf(why, size, "there is no network namespace %s: ip netns list shows those with a name", netns);
    } else if (error == -EPERM || error == -EACCES) {
        snprintf(why, size, "network namespace %s may not be entered: run as root, or with CAP_SYS_ADMIN", netns);
    } else if (error == -EINVAL) {
        snprintf(why, size, "%s is no network namespace: give a name that ip netns list shows, or pid:N", netns);
    } else {
        snprintf(why, size, "network namespace %s cannot be entered: %s", netns, strerror(-error));
    }
    return error;
}

/* "blue" or "pid:17" as a path. False: it can be neither. */
static bool path_of(const char *netns, char *path, size_t size) {
    bool pid = !strncmp(netns, "pid:", 4);
    const char *name = pid ? netns + 4 : netns;
    if (!*name || strchr(name, '/') || name[0] == '.' || (pid && name[strspn(name, "0123456789")])) return false;
    int len = snprintf(path, size, "%s%s%s", pid ? "/proc/" : "/run/netns/", name, pid ? "/ns/net" : "");
    return len > 0 && (size_t)len < size;
}

static int look_at_named(struct snap *snap, const struct linux_want *want, char *why, size_t size) {
    char path[320];
    if (!path_of(want->netns, path, sizeof path)) return tell_entering(-EINVAL, want->netns, why, size);
    bool pid = !strncmp(want->netns, "pid:", 4);
    struct look at =
        look_of(snap, want, pid ? snap_format(snap, "pid %s's", want->netns + 4) : snap_text(snap, want->netns));
    int error = at.error ? 0 : linux_in_netns(path, look, &at);
    return error ? tell_entering(error, want->netns, why, size) : tell_error(at.error, why, size);
}

static int look_at_own(struct snap *snap, const struct linux_want *want, char *why, size_t size) {
    struct look at = look_of(snap, want, NULL);
    if (!at.error) look(&at);
    return tell_error(at.error, why, size);
}

/* --- All of them --- */

struct others {
    struct snap *snap;
    const struct linux_want *want;
    uint32_t closed, failed; /* Not to be entered; entered, and not told. */
};

static void look_at_other(void *arg, const struct netns_found *netns) {
    struct others *others = arg;
    struct snap *snap = others->snap;
    struct look at = look_of(snap, others->want, netns->name);
    if (at.error) return;
    snap->netns[at.netns].inode = netns->inode;
    int error = netns->fd < 0 ? netns->fd : linux_in_netns_fd(netns->fd, look, &at);
    bool closed = error == -EPERM || error == -EACCES;
    others->closed += closed;
    others->failed += !closed && (error || at.error);
    if (error) snap->nnetns--; /* Nothing refers to it. */
}

static void add_blind(struct snap *snap, uint32_t n, const char *one, const char *many, const char *need) {
    struct snap_blind *blind = n ? snap_add_blind(snap) : NULL;
    if (!blind) return;
    blind->what = n == 1 ? one : snap_format(snap, "%" PRIu32 " %s", n, many);
    blind->need = need;
}

static void look_at_others(struct snap *snap, const struct linux_want *want) {
    struct others others = {.snap = snap, .want = want};
    uint32_t untold = linux_netns_each(snap, look_at_other, &others);
    add_blind(snap, untold, "1 process whose network namespace may not be read",
              "processes whose network namespaces may not be read", linux_need(LINUX_NEED_EXAMINE));
    add_blind(snap, others.closed, "a network namespace that may not be entered",
              "network namespaces that may not be entered", linux_need(LINUX_NEED_ENTER));
    add_blind(snap, others.failed, "a network namespace whose list of connections could not be read",
              "network namespaces whose lists of connections could not be read", NULL);
}

/* "Linux 6.18" */
static const char *kernel_name(struct snap *snap) {
    struct utsname name;
    unsigned major, minor;
    if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2) return "Linux";
    return snap_format(snap, "Linux %u.%u", major, minor);
}

int linux_snap(const struct linux_want *want, struct snap *snap, char *why, size_t size) {
    snap->source = kernel_name(snap);
    snap->taken = la_host_now();
    snap->wall = snap->taken + la_host_epoch();
    int error = want->netns ? look_at_named(snap, want, why, size) : look_at_own(snap, want, why, size);
    if (error) return error;
    if (want->all_netns && !want->netns) look_at_others(snap, want);
    snap->read = la_host_now();
    if (want->parts & LINUX_FACTS) linux_sysctl_files(snap);
    if (want->parts & LINUX_OWNERS) linux_owners(snap);
    snap_finish(snap);
    return snap->failed ? tell_error(-ENOMEM, why, size) : 0;
}
