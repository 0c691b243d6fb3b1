/* inspect/track.c over the host's real TCP: how long connections have been in their states, against the truth. The
 * truth is this program's: it makes each move itself, over loopback in a network namespace of its own, and notes the
 * time. An age lies between its bounds, to 20 ms, and with events the bounds are no further apart. */
#define _GNU_SOURCE
#include "support/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "inspect/linux.h"
#include "inspect/linux_events.h"
#include "inspect/track.h"

#define NEAR (20 * LA_MS)
#define TICKS (100 * LA_MS) /* By which the kernel's own times are off on a busy virtual machine. */
#define PORT 7000           /* Of the listener. */

/* When something was done: a busy machine may have taken its time. */
struct when {
    la_time least, most;
};

/* A connection to PORT. */
struct pair {
    int client, server;
};

static int listener, home;
static unsigned asked, exact;
static struct events *events;
static struct track *track;
static struct snap *snap;

static la_time now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (la_time)time.tv_sec * LA_SECOND + (la_time)time.tv_nsec;
}

static struct when begun(void) { return (struct when){now(), 0}; }
static void done(struct when *when) { when->most = now(); }

static void rest(unsigned ms) { nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL); }

/* --- The world --- */

static void bring_up_loopback(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo"};
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

static struct sockaddr_in loopback(unsigned port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int bound(unsigned port) {
    struct sockaddr_in addr = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static int listen_at(unsigned port) {
    int fd = bound(port);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static struct pair open_at(int at, unsigned port) {
    struct sockaddr_in addr = loopback(PORT);
    struct pair pair = {bound(port), -1};
    assert_int_equal(connect(pair.client, (struct sockaddr *)&addr, sizeof addr), 0);
    pair.server = accept4(at, NULL, NULL, SOCK_CLOEXEC);
    assert_true(pair.server >= 0);
    return pair;
}

static struct pair open_pair(unsigned port) { return open_at(listener, port); }

static void reset(int fd) {
    struct linger linger = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}

/* --- Who watches --- */

static void begin(bool with_events) {
    char why[200];
    if (unshare(CLONE_NEWNET) < 0) skip();
    home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    bring_up_loopback();
    listener = listen_at(PORT);
    asked = exact = 0;
    track = track_new(100000);
    events = with_events ? events_open(true, why, sizeof why) : NULL;
    if (with_events && !events) skip();
}

static void end(void) {
    /* A kernel may keep an event back that happens while it interrupts another program. */
    if (events) assert_in_range(exact * 10, asked * 8, asked * 10);
    close(listener);
    close(home);
    snap_free(snap);
    track_free(track);
    events_close(events);
    snap = NULL;
}

static void look(void) {
    struct linux_want want = {.parts = LINUX_MEASURED};
    struct event event;
    char why[200];
    snap_free(snap);
    snap = snap_new();
    assert_int_equal(linux_snap(&want, snap, why, sizeof why), 0);
    while (events && events_next(events, &event)) track_event(track, &event);
    track_poll(track, snap);
}

static const struct snap_conn *find(unsigned local, unsigned peer) {
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (snap->conns[i].local.port == local && snap->conns[i].peer.port == peer) return &snap->conns[i];
    fail_msg("no connection %u - %u", local, peer);
    return NULL;
}

static la_time ago(la_time time) { return snap->taken > time ? snap->taken - time : 0; }

static void assert_since(const struct snap_conn *conn, enum la_state state, struct when since) {
    la_time least = ago(since.most), most = ago(since.least);
    la_time slack = events ? NEAR : TICKS;
    bool within = most + slack >= conn->age.least && (conn->age.most == LA_NEVER || least <= conn->age.most + slack);
    assert_int_equal(conn->state, state);
    asked++;
    exact += conn->age.most != LA_NEVER && conn->age.most - conn->age.least <= NEAR;
    if (within) return;
    fail_msg("%s %u - %u: %u ms, not %u to %u", la_state_name(state), conn->local.port, conn->peer.port,
             (unsigned)(least / LA_MS), (unsigned)(conn->age.least / LA_MS), (unsigned)(conn->age.most / LA_MS));
}

static void client_since(unsigned port, enum la_state state, struct when since) {
    assert_since(find(port, PORT), state, since);
}

static void server_since(unsigned port, enum la_state state, struct when since) {
    assert_since(find(PORT, port), state, since);
}

/* --- Lives --- */

static void half_closed_and_orphaned(void) {
    struct when opened = begun();
    struct pair half = open_pair(8001), orphan = open_pair(8002);
    done(&opened);
    rest(120);
    look();
    client_since(8001, LA_ESTABLISHED, opened);
    server_since(8002, LA_ESTABLISHED, opened);
    rest(130);
    struct when closed = begun();
    shutdown(half.client, SHUT_WR);
    close(orphan.client);
    rest(50); /* An acknowledgement may be delayed. */
    done(&closed);
    for (int i = 0; i < 2; i++) {
        rest(240);
        look();
        client_since(8001, LA_FIN_WAIT_2, closed);
        server_since(8001, LA_CLOSE_WAIT, closed);
        client_since(8002, LA_FIN_WAIT_2, closed);
        server_since(8002, LA_CLOSE_WAIT, closed);
    }
    /* A socket with an owner becomes an orphan's record, which is in FIN_WAIT_2 for as long as it was. The timer of a
     * record tells no more than that. */
    close(half.client);
    rest(150);
    look();
    if (events) client_since(8001, LA_FIN_WAIT_2, closed);
    struct when answered = begun();
    close(orphan.server);
    done(&answered);
    rest(310);
    look();
    client_since(8002, LA_TIME_WAIT, answered);
    close(half.server);
}

/* All of it between two looks. */
static void over_before_it_was_seen(void) {
    struct pair pair = open_pair(8003), late = open_pair(8004), gone = open_pair(8005);
    close(pair.server);
    rest(110);
    struct when closed = begun();
    close(pair.client); /* The server's is in TIME_WAIT. */
    close(late.server);
    reset(gone.client);
    close(gone.server);
    done(&closed);
    rest(300);
    struct when fin = begun();
    close(late.client); /* The server's record was in FIN_WAIT_2. */
    done(&fin);
    rest(170);
    look();
    server_since(8003, LA_TIME_WAIT, closed);
    server_since(8004, LA_TIME_WAIT, fin);
    for (uint32_t i = 0; i < snap->nconns; i++) assert_int_not_equal(snap->conns[i].peer.port, 8005);
}

static void the_same_ports_again(void) {
    struct pair first = open_pair(8006);
    rest(130);
    look();
    uint64_t cookie = find(PORT, 8006)->cookie;
    shutdown(first.client, SHUT_WR);
    rest(130);
    look();
    reset(first.client);
    close(first.server);
    rest(130);
    struct when opened = begun();
    struct pair second = open_pair(8006);
    done(&opened);
    rest(130);
    look();
    client_since(8006, LA_ESTABLISHED, opened);
    server_since(8006, LA_ESTABLISHED, opened);
    assert_true(find(PORT, 8006)->cookie != cookie);
    struct when closed = begun();
    shutdown(second.server, SHUT_WR);
    done(&closed);
    rest(130);
    look();
    client_since(8006, LA_CLOSE_WAIT, closed);
    reset(second.client);
    close(second.server);
}

/* Another namespace has the same tuple, and moves first. Events do not tell which of the two it is. */
static void the_same_tuple_elsewhere(void) {
    struct when opened = begun();
    struct pair own = open_pair(8007);
    done(&opened);
    rest(130);
    look();
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    bring_up_loopback();
    int elsewhere = listen_at(PORT);
    struct pair other = open_at(elsewhere, 8007);
    shutdown(other.client, SHUT_WR);
    assert_int_equal(setns(home, CLONE_NEWNET), 0);
    rest(130);
    look();
    server_since(8007, LA_ESTABLISHED, opened);
    if (events) assert_int_equal(find(PORT, 8007)->nmoves, 1);
    struct when closed = begun();
    shutdown(own.client, SHUT_WR);
    close(other.server);
    rest(50);
    done(&closed);
    rest(130);
    look();
    server_since(8007, LA_CLOSE_WAIT, closed);
    client_since(8007, LA_FIN_WAIT_2, closed);
    close(elsewhere);
    close(other.client);
    reset(own.client);
    close(own.server);
}

static void live(bool with_events) {
    begin(with_events);
    struct pair before = open_pair(8000);
    if (events) {
        events_close(events);
        rest(50);
        char why[200];
        events = events_open(true, why, sizeof why);
        assert_non_null(events);
    }
    look();
    half_closed_and_orphaned();
    over_before_it_was_seen();
    the_same_ports_again();
    the_same_tuple_elsewhere();
    /* Opened before anybody watched. */
    struct when closed = begun();
    shutdown(before.client, SHUT_WR);
    done(&closed);
    rest(100);
    look();
    server_since(8000, LA_CLOSE_WAIT, closed);
    close(before.client);
    close(before.server);
    end();
}

static void with_events(void **state) {
    (void)state;
    live(true);
}

static void without_events(void **state) {
    (void)state;
    live(false);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(with_events), cmocka_unit_test(without_events)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
