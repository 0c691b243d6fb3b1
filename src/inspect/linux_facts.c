/* Settings, counters and local addresses of the network namespace that the calling thread is in.
 *
 * /proc/sys/net shows the namespace of who opens the file, /proc/thread-self/net that of the thread. What cannot be
 * read stays unknown: other namespaces than the first do not have all settings, older kernels not all counters. */
#define _GNU_SOURCE
#include "linux_facts.h"

#include "linux.h"
#include "linux_netlink.h"
#include "linux_procfs.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- Settings --- */

/* The file of a setting, without "#N". False: the name is none that a file can have. */
static bool setting_path(const char *name, char *path, size_t size) {
    int len = snprintf(path, size, "/proc/sys/%.*s", (int)strcspn(name, "#"), name);
    if (len < 0 || (size_t)len >= size || strstr(name, "..") || strchr(name, '/')) return false;
    for (char *c = path; *c; c++)
        if (*c == '.') *c = '/';
    return true;
}

int64_t linux_setting(const char *name) {
    char path[160], text[256];
    if (!setting_path(name, path, sizeof path) || procfs_read(AT_FDCWD, path, text, sizeof text) <= 0) return -1;
    const char *part = strchr(name, '#');
    char *at = text;
    int64_t value = -1;
    for (long left = part ? strtol(part + 1, NULL, 10) : 1; left > 0; left--) {
        char *end;
        value = strtoll(at, &end, 10);
        if (end == at) return -1;
        at = end;
    }
    return value;
}

bool linux_has_setting(const char *name) {
    char path[160];
    return setting_path(name, path, sizeof path) && access(path, F_OK) == 0;
}

/* --- Counters --- */

static void take(struct snap_netns *netns, const char *group, const char *name, const char *value) {
    static const struct {
        const char *group, *name;
    } counters[SNAP_NCOUNTERS] = {
#define SNAP_COUNTER(id, of, called) {of, called},
#include "facts.def"
#undef SNAP_COUNTER
    };
    for (unsigned i = 0; i < SNAP_NCOUNTERS; i++)
        if (!strcmp(counters[i].name, name) && !strcmp(counters[i].group, group))
            netns->counter[i] = strtoull(value, NULL, 10);
}

/* A line of names and below it one of values, both begin with "GROUP:". */
static void read_table(struct snap_netns *netns, char *text) {
    char *lines, *group, *values;
    for (char *names = strtok_r(text, "\n", &lines); names; names = strtok_r(NULL, "\n", &lines)) {
        char *numbers = strtok_r(NULL, "\n", &lines), *again;
        if (!numbers || !(names = strtok_r(names, ": ", &group)) || !(again = strtok_r(numbers, ": ", &values))) return;
        if (strcmp(names, again) != 0) return;
        for (char *name, *value; (name = strtok_r(NULL, " ", &group)) && (value = strtok_r(NULL, " ", &values));)
            take(netns, names, name, value);
    }
}

/* "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 147" */
static void read_sockstat(struct snap_netns *netns, char *text) {
    char *line = strstr(text, "TCP:"), *rest;
    if (!line) return;
    line[strcspn(line, "\n")] = '\0';
    char *name = strtok_r(line + strlen("TCP:"), " ", &rest);
    for (char *value; name && (value = strtok_r(NULL, " ", &rest)); name = strtok_r(NULL, " ", &rest))
        take(netns, "sockstat", name, value);
}

static void read_counters(struct snap_netns *netns) {
    size_t size = 65536;
    char *text = malloc(size);
    if (!text) return;
    if (procfs_read(AT_FDCWD, "/proc/thread-self/net/snmp", text, size) > 0) read_table(netns, text);
    if (procfs_read(AT_FDCWD, "/proc/thread-self/net/netstat", text, size) > 0) read_table(netns, text);
    if (procfs_read(AT_FDCWD, "/proc/thread-self/net/sockstat", text, size) > 0) read_sockstat(netns, text);
    free(text);
}

/* --- Addresses --- */

struct address {
    size_t len; /* Of addresses of its family. */
    const void *found;
};

/* On a link between two, IFA_ADDRESS is the other end's. */
static int hear_attribute(const struct nlattr *attribute, void *ctx) {
    struct address *address = ctx;
    unsigned type = mnl_attr_get_type(attribute);
    if (mnl_attr_get_payload_len(attribute) == address->len &&
        (type == IFA_LOCAL || (type == IFA_ADDRESS && !address->found)))
        address->found = mnl_attr_get_payload(attribute);
    return MNL_CB_OK;
}

static bool hear_address(void *ctx, const struct nlmsghdr *item) {
    struct snap *snap = ctx;
    struct ifaddrmsg of;
    if (item->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(item) < sizeof of) return true;
    memcpy(&of, mnl_nlmsg_get_payload(item), sizeof of);
    if (of.ifa_family != AF_INET && of.ifa_family != AF_INET6) return true;
    struct address address = {.len = of.ifa_family == AF_INET ? 4 : 16};
    (void)mnl_attr_parse(item, sizeof of, hear_attribute, &address);
    if (!address.found) return true;
    struct la_addr *into = snap_add_address(snap);
    if (!into) return false;
    *into = la_addr4(0, 0, 0, 0);
    memcpy(into->bytes + sizeof into->bytes - address.len, address.found, address.len);
    return true;
}

static void read_addresses(struct snap *snap, uint32_t netns) {
    struct ifaddrmsg question = {.ifa_family = AF_UNSPEC};
    struct linux_netlink netlink;
    bool changed = false;
    snap->netns[netns].first_address = snap->naddresses;
    if (linux_netlink_open(&netlink, NETLINK_ROUTE)) return;
    (void)linux_netlink_dump(&netlink, RTM_GETADDR, &question, sizeof question, hear_address, snap, &changed);
    linux_netlink_close(&netlink);
    snap->netns[netns].naddresses = snap->naddresses - snap->netns[netns].first_address;
}

void linux_facts(struct snap *snap, uint32_t netns) {
    struct snap_netns *into = &snap->netns[netns];
    for (unsigned i = 0; i < SNAP_NSETTINGS; i++) into->setting[i] = linux_setting(snap_setting_name(i));
    read_counters(into);
    read_addresses(snap, netns);
    into->facts = true;
}
