/* The namespace: unshare(2), the uid maps, addresses and links by rtnetlink, settings by /proc/sys/net. */
#define _GNU_SOURCE
#include "tour_netns.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool fail(struct trouble *trouble, const char *what, int error, const char *advice) {
    snprintf(trouble->text, sizeof trouble->text, "%s: %s.%s%s", what, strerror(error), *advice ? "\n" : "", advice);
    return false;
}

static bool write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text);
}

bool netns_sysctl(const char *name, const char *value) {
    char path[160];
    snprintf(path, sizeof path, "/proc/sys/net/%s", name);
    return write_file(path, value);
}

/* Sends one request and reads its answer. 0 or a positive errno. */
static int ask(struct nlmsghdr *request) {
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!nl) return errno;
    int error = 0;
    request->nlmsg_seq = 1;
    request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    char answer[4096]; /* An acknowledgement repeats the request, which is short. */
    ssize_t n = -1;
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 && mnl_socket_sendto(nl, request, request->nlmsg_len) >= 0)
        n = mnl_socket_recvfrom(nl, answer, sizeof answer);
    if (n < 0 || mnl_cb_run(answer, (size_t)n, 1, mnl_socket_get_portid(nl), NULL, NULL) < 0) error = errno;
    mnl_socket_close(nl);
    return error;
}

static int link_up(const char *interface, uint32_t queue) {
    _Alignas(struct nlmsghdr) char room[512];
    struct nlmsghdr *request = mnl_nlmsg_put_header(room);
    request->nlmsg_type = RTM_NEWLINK;
    struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof *link);
    link->ifi_family = AF_UNSPEC;
    link->ifi_index = (int)if_nametoindex(interface);
    link->ifi_flags = link->ifi_change = IFF_UP;
    if (queue) mnl_attr_put_u32(request, IFLA_TXQLEN, queue);
    return ask(request);
}

bool netns_up(const char *interface, uint32_t queue, struct trouble *trouble) {
    int error = link_up(interface, queue);
    return !error || fail(trouble, "cannot set the interface up", error, "");
}

/* An address as the kernel writes it: the length says which family. */
static void put_addr(struct nlmsghdr *request, uint16_t attribute, const struct la_addr *addr) {
    bool is4 = la_addr_is4(addr);
    mnl_attr_put(request, attribute, is4 ? 4 : 16, is4 ? addr->bytes + 12 : addr->bytes);
}

bool netns_addr(const char *interface, const struct la_addr *addr, unsigned prefix_len, struct trouble *trouble) {
    bool is4 = la_addr_is4(addr);
    _Alignas(struct nlmsghdr) char room[512];
    struct nlmsghdr *request = mnl_nlmsg_put_header(room);
    request->nlmsg_type = RTM_NEWADDR;
    request->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
    struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(request, sizeof *message);
    message->ifa_family = is4 ? AF_INET : AF_INET6;
    message->ifa_prefixlen = (uint8_t)prefix_len;
    message->ifa_flags = is4 ? 0 : IFA_F_NODAD;
    message->ifa_index = if_nametoindex(interface);
    put_addr(request, IFA_LOCAL, addr);
    put_addr(request, IFA_ADDRESS, addr);
    int error = ask(request);
    if (!error) return true;
    return fail(trouble,
                is4 ? "cannot give the interface an IPv4 address" : "cannot give the interface an IPv6 address", error,
                is4 ? "" : "Is IPv6 switched off (kernel parameter ipv6.disable=1)?");
}

bool netns_route(const char *interface, const struct la_addr *prefix, unsigned prefix_len,
                 const struct la_addr *gateway, struct trouble *trouble) {
    _Alignas(struct nlmsghdr) char room[512];
    struct nlmsghdr *request = mnl_nlmsg_put_header(room);
    request->nlmsg_type = RTM_NEWROUTE;
    request->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
    struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof *route);
    route->rtm_family = la_addr_is4(prefix) ? AF_INET : AF_INET6;
    route->rtm_dst_len = (uint8_t)prefix_len;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_BOOT;
    route->rtm_scope = RT_SCOPE_UNIVERSE;
    route->rtm_type = RTN_UNICAST;
    put_addr(request, RTA_DST, prefix);
    put_addr(request, RTA_GATEWAY, gateway);
    mnl_attr_put_u32(request, RTA_OIF, if_nametoindex(interface));
    int error = ask(request);
    return !error || fail(trouble, "cannot set the route", error, "");
}

/* Inside the user namespace we are root; outside we stay who we are. */
static bool map_ids(uid_t uid, gid_t gid) {
    char map[64];
    (void)write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", (unsigned)uid);
    if (!write_file("/proc/self/uid_map", map)) return false;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)gid);
    return write_file("/proc/self/gid_map", map);
}

bool netns_enter(struct trouble *trouble) {
    static const char advice[] =
        "Run it as root (sudo), or allow unprivileged user namespaces:\n"
        "  sysctl user.max_user_namespaces=10000; Debian: kernel.unprivileged_userns_clone=1;\n"
        "  Ubuntu: kernel.apparmor_restrict_unprivileged_userns=0; in a container: --privileged or "
        "--cap-add=SYS_ADMIN.";
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (uid == 0 && unshare(CLONE_NEWNET) == 0) goto entered;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return fail(trouble, "cannot make a network namespace", errno, advice);
    if (!map_ids(uid, gid)) return fail(trouble, "cannot map the user into its namespace", errno, advice);
entered:;
    int error = link_up("lo", 0);
    return !error || fail(trouble, "cannot set lo up", error, "");
}
