/* inspect/linux.c, linux_netns.c, linux_facts.c, linux_sysctl_files.c: namespaces, settings, counters, addresses and
 * configuration of the host that the test runs on. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inspect/linux.h"
#include "inspect/linux_facts.h"
#include "inspect/linux_netns.h"

static bool own_netns; /* The test is in a namespace of its own, where it may do as it likes. */

static bool write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) close(fd);
    return ok;
}

static void lo_up(void) {
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (ioctl(fd, SIOCSIFFLAGS, &lo)) fprintf(stderr, "lo stays down\n");
    close(fd);
}

/* A listener at a port of the kernel's choice. */
static int listener(uint16_t *port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof name;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, len) || listen(fd, 1)) return -1;
    if (getsockname(fd, (struct sockaddr *)&name, &len)) return -1;
    *port = ntohs(name.sin_port);
    return fd;
}

static const struct snap_conn *listening(const struct snap *snap, uint16_t port) {
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (snap->conns[i].state == LA_LISTEN && snap->conns[i].local.port == port) return &snap->conns[i];
    return NULL;
}

static struct snap *snap_of(const struct linux_want *want) {
    char why[200] = "";
    struct snap *snap = snap_new();
    if (linux_snap(want, snap, why, sizeof why)) fail_msg("%s", why);
    return snap;
}

static void a_snapshot_of_the_own_namespace(void **state) {
    (void)state;
    uint16_t port = 0;
    int fd = listener(&port);
    assert_true(fd >= 0);
    struct snap *snap = snap_of(&(struct linux_want){.parts = LINUX_MEASURED | LINUX_FACTS});
    assert_memory_equal(snap->source, "Linux ", 6);
    assert_true(snap->taken && snap->wall > snap->taken);
    assert_int_equal(snap->nnetns, 1);
    assert_null(snap->netns[0].name);
    assert_int_equal(snap->netns[0].inode, linux_netns_own());
    assert_non_null(listening(snap, port));
    assert_int_equal(listening(snap, port)->drops, 0);
    snap_free(snap);
    close(fd);
}

static void settings_counters_and_addresses(void **state) {
    (void)state;
    if (own_netns && !write_file("/proc/sys/net/ipv4/tcp_fin_timeout", "45")) own_netns = false;
    struct snap *snap = snap_of(&(struct linux_want){.parts = LINUX_FACTS, .states = 1U << LA_LISTEN});
    const struct snap_netns *netns = &snap->netns[0];
    assert_true(netns->facts);
    if (own_netns) assert_int_equal(netns->setting[SNAP_S_FIN_TIMEOUT], 45);
    assert_in_range(netns->setting[SNAP_S_PORT_LOW], 1, 65535);
    assert_in_range(netns->setting[SNAP_S_PORT_HIGH], netns->setting[SNAP_S_PORT_LOW], 65535);
    assert_true(netns->setting[SNAP_S_RMEM_MAX] > 0);
    assert_true(netns->setting[SNAP_S_SOMAXCONN] > 0);
    assert_int_equal(netns->setting[SNAP_S_TW_RECYCLE], -1); /* No kernel of this decade has it. */
    assert_true(netns->counter[SNAP_C_OUT_SEGS] != UINT64_MAX);
    assert_true(netns->counter[SNAP_C_LISTEN_DROPS] != UINT64_MAX);
    assert_true(netns->counter[SNAP_C_SOCKSTAT_TW] != UINT64_MAX);
    struct la_addr one = la_addr4(127, 0, 0, 1);
    uint32_t found = 0;
    for (uint32_t i = 0; i < netns->naddresses; i++)
        found += la_addr_equal(&snap->addresses[netns->first_address + i], &one);
    assert_int_equal(found, 1);
    snap_free(snap);
}

static void settings_by_name(void **state) {
    (void)state;
    assert_int_equal(linux_setting("net.ipv4.no_such_thing"), -1);
    assert_int_equal(linux_setting("net.ipv4.ip_local_port_range#3"), -1);
    assert_int_equal(linux_setting("net.ipv4...kernel.pid_max"), -1);
    assert_true(linux_setting("net.ipv4.tcp_rmem#1") <= linux_setting("net.ipv4.tcp_rmem#3"));
    assert_true(linux_has_setting("net.ipv4.tcp_fin_timeout"));
    assert_false(linux_has_setting("net.ipv4.tcp_tw_recycle"));
}

/* --- Other namespaces --- */

struct neighbour {
    pid_t pid;
    uint16_t port;
};

/* A process with a listener in a namespace of its own. pid < 0: that is not allowed here. */
static struct neighbour move_in(void) {
    struct neighbour neighbour = {.pid = -1};
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (!pid) {
        uint16_t port = 0;
        if (!unshare(CLONE_NEWNET))
            lo_up();
        else
            _exit(1);
        if (listener(&port) < 0 || write(pipes[1], &port, sizeof port) < 0) _exit(1);
        close(pipes[1]);
        for (;;) pause();
    }
    close(pipes[1]);
    if (read(pipes[0], &neighbour.port, sizeof neighbour.port) == sizeof neighbour.port) neighbour.pid = pid;
    close(pipes[0]);
    if (neighbour.pid < 0) waitpid(pid, NULL, 0);
    return neighbour;
}

static void move_out(const struct neighbour *neighbour) {
    kill(neighbour->pid, SIGKILL);
    waitpid(neighbour->pid, NULL, 0);
}

static void a_neighbour_by_pid(void **state) {
    (void)state;
    struct neighbour neighbour = move_in();
    if (neighbour.pid < 0) skip();
    char name[32], expected[32];
    snprintf(name, sizeof name, "pid:%d", (int)neighbour.pid);
    snprintf(expected, sizeof expected, "pid %d's", (int)neighbour.pid);
    struct snap *snap = snap_of(&(struct linux_want){.parts = LINUX_FACTS, .netns = name});
    assert_int_equal(snap->nnetns, 1);
    assert_string_equal(snap->netns[0].name, expected);
    assert_true(snap->netns[0].inode && snap->netns[0].inode != linux_netns_own());
    assert_int_equal(snap->nconns, 1);
    assert_non_null(listening(snap, neighbour.port));
    /* Its settings and counters, not ours. */
    assert_int_equal(snap->netns[0].setting[SNAP_S_FIN_TIMEOUT], 60);
    assert_int_equal(snap->netns[0].counter[SNAP_C_ACTIVE_OPENS], 0);
    snap_free(snap);
    move_out(&neighbour);
}

static void all_namespaces_once(void **state) {
    (void)state;
    struct neighbour neighbour = move_in();
    if (neighbour.pid < 0) skip();
    struct snap *snap = snap_of(&(struct linux_want){.all_netns = true});
    assert_true(snap->nnetns >= 2);
    for (uint32_t i = 0; i < snap->nnetns; i++)
        for (uint32_t j = 0; j < i; j++) assert_true(snap->netns[i].inode != snap->netns[j].inode);
    const struct snap_conn *conn = NULL;
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (snap->conns[i].netns && snap->conns[i].local.port == neighbour.port) conn = &snap->conns[i];
    assert_non_null(conn);
    assert_non_null(snap->netns[conn->netns].name);
    snap_free(snap);
    move_out(&neighbour);
}

#define MANY 12

static void more_namespaces_than_descriptors(void **state) {
    (void)state;
    struct neighbour neighbours[MANY];
    struct rlimit limit;
    uint32_t n = 0, found = 0;
    while (n < MANY && (neighbours[n] = move_in()).pid >= 0) n++;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int next = open("/", O_RDONLY | O_CLOEXEC);
    close(next);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)next + 8, limit.rlim_max});
    struct snap *snap = snap_of(&(struct linux_want){.all_netns = true});
    setrlimit(RLIMIT_NOFILE, &limit);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t c = 0; c < snap->nconns; c++)
            found += snap->conns[c].netns && snap->conns[c].local.port == neighbours[i].port;
    assert_true(found >= n);
    snap_free(snap);
    for (uint32_t i = 0; i < n; i++) move_out(&neighbours[i]);
}

static void namespaces_that_are_none(void **state) {
    (void)state;
    static const char *const names[] = {"la-there-is-none", "../../proc/self/ns/net", "", "pid:", "pid:x", "pid:0"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char why[200] = "";
        struct snap *snap = snap_new();
        assert_true(linux_snap(&(struct linux_want){.netns = names[i]}, snap, why, sizeof why) < 0);
        assert_true(strlen(why) > 20);
        snap_free(snap);
    }
}

static void note(void *arg) { *(uint64_t *)arg = linux_netns_own(); }

static void a_visit_leaves_the_visitor_where_it_is(void **state) {
    (void)state;
    struct neighbour neighbour = move_in();
    if (neighbour.pid < 0) skip();
    char path[64];
    uint64_t before = linux_netns_own(), there = 0;
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)neighbour.pid);
    assert_int_equal(linux_in_netns(path, note, &there), 0);
    assert_true(there && there != before);
    assert_int_equal(linux_netns_own(), before);
    move_out(&neighbour);
    there = 0;
    assert_int_equal(linux_in_netns(path, note, &there), -ENOENT);
    assert_int_equal(linux_in_netns("/proc/self/status", note, &there), -EINVAL);
    assert_int_equal(there, 0);
}

/* --- sysctl.d --- */

static void put(const char *root, const char *path, const char *text) {
    char full[512];
    int len = snprintf(full, sizeof full, "%s%s", root, path);
    assert_true(len > 0 && (size_t)len < sizeof full);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0755);
        *slash = '/';
    }
    assert_true(write_file(full, text));
}

static void remove_tree(const char *root) {
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

static void lines_in_the_order_in_which_they_take_effect(void **state) {
    (void)state;
    char root[] = "/tmp/lastack-sysctl-XXXXXX", from[64];
    assert_non_null(mkdtemp(root));
    put(root, "/usr/lib/sysctl.d/50-net.conf", "net.ipv4.tcp_fin_timeout = 1\n");
    put(root, "/etc/sysctl.d/50-net.conf", /* Stands for the one above. */
        "# net.ipv4.tcp_fin_timeout = 2\n\n;x\n-net/ipv4/tcp_fin_timeout=30  \nkernel.pid_max = 5\n"
        "net.ipv4.conf.all.rp_filter = 1\nnet.netfilter.nf_conntrack_tcp_timeout_close_wait = 10\n");
    put(root, "/run/sysctl.d/10-old.conf", "net.ipv4.tcp_tw_recycle = 1");
    put(root, "/usr/lib/sysctl.d/60-more.conf",
        "net.ipv4.tcp_keepalive_time=\t30\nnet.ipv4.tcp_rmem = 1 2 3\nnet.ipv4.tcp_close_wait_interval = \x1b[1m5\n");
    put(root, "/usr/lib/sysctl.d/not-read.txt", "net.ipv4.tcp_fin_timeout = 3\n");
    put(root, "/etc/sysctl.conf", "net.ipv4.tcp_no_such_thing = 7\nTcpTimedWaitDelay = 30\n");
    snprintf(from, sizeof from, "%s/etc/sysctl.d/99-sysctl.conf", root);
    assert_int_equal(symlink("../sysctl.conf", from), 0); /* As in Debian: not to be read twice. */

    static const struct snap_line expected[] = {
        {"/run/sysctl.d/10-old.conf", 1, "net.ipv4.tcp_tw_recycle", "1"},
        {"/etc/sysctl.d/50-net.conf", 4, "net.ipv4.tcp_fin_timeout", "30"},
        {"/usr/lib/sysctl.d/60-more.conf", 1, "net.ipv4.tcp_keepalive_time", "30"},
        {"/usr/lib/sysctl.d/60-more.conf", 3, "net.ipv4.tcp_close_wait_interval", "?[1m5"},
        {"/etc/sysctl.d/99-sysctl.conf", 1, "net.ipv4.tcp_no_such_thing", "7"},
        {"/etc/sysctl.d/99-sysctl.conf", 2, "TcpTimedWaitDelay", "30"},
    };
    struct snap *snap = snap_new();
    linux_sysctl_files_under(snap, root);
    assert_int_equal(snap->nlines, sizeof expected / sizeof expected[0]);
    for (uint32_t i = 0; i < snap->nlines; i++) {
        assert_string_equal(snap->lines[i].file, expected[i].file);
        assert_int_equal(snap->lines[i].line, expected[i].line);
        assert_string_equal(snap->lines[i].name, expected[i].name);
        assert_string_equal(snap->lines[i].value, expected[i].value);
    }
    snap_free(snap);

    assert_int_equal(unlink(from), 0); /* Without the link it comes last. */
    snap = snap_new();
    linux_sysctl_files_under(snap, root);
    assert_string_equal(snap->lines[snap->nlines - 1].file, "/etc/sysctl.conf");
    snap_free(snap);
    remove_tree(root);
}

static void hostile_files_do_no_harm(void **state) {
    (void)state;
    char root[] = "/tmp/lastack-sysctl-XXXXXX", path[64];
    static char text[5000];
    assert_non_null(mkdtemp(root));
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "net.ipv4.tcp_fin_timeout = ", 27);
    memcpy(text + 3000, "\nnet.ipv4.tcp_fin_timeout\n=\n= 5\ntcp_fin_timeout=9\n", 51);
    put(root, "/etc/sysctl.d/a.conf", text);
    snprintf(path, sizeof path, "%s/etc/sysctl.d/fifo.conf", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/etc/sysctl.d/zero.conf", root);
    assert_int_equal(symlink("/dev/zero", path), 0);
    snprintf(path, sizeof path, "%s/etc/sysctl.d/loop.conf", root);
    assert_int_equal(symlink("loop.conf", path), 0);
    struct snap *snap = snap_new();
    linux_sysctl_files_under(snap, root);
    assert_int_equal(snap->nlines, 2);
    assert_int_equal(snap->lines[1].line, 5);
    assert_string_equal(snap->lines[1].value, "9");
    snap_free(snap);
    remove_tree(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_snapshot_of_the_own_namespace),
        cmocka_unit_test(settings_counters_and_addresses),
        cmocka_unit_test(settings_by_name),
        cmocka_unit_test(a_neighbour_by_pid),
        cmocka_unit_test(all_namespaces_once),
        cmocka_unit_test(more_namespaces_than_descriptors),
        cmocka_unit_test(namespaces_that_are_none),
        cmocka_unit_test(a_visit_leaves_the_visitor_where_it_is),
        cmocka_unit_test(lines_in_the_order_in_which_they_take_effect),
        cmocka_unit_test(hostile_files_do_no_harm),
    };
    own_netns = !unshare(CLONE_NEWNET);
    if (own_netns) lo_up();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
