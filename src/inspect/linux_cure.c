/* Doing what cure.h foretells, on the host's own TCP, and looking what came of it.
 *
 * A list of connections goes in; each gets a result and sentences. All are acted on first and then watched together, so
 * that many take no longer than one. Nothing is owned between calls.
 *
 * Invariants: nothing is done to a socket whose cookie is not the snapshot's: a duplicate's SO_COOKIE is read first,
 * and SOCK_DESTROY carries it. A duplicate lives only as long as the calls on it, for while it lives the program's
 * close() would not close the connection. */
#define _GNU_SOURCE
#include "linux_cure.h"

#include <lastack/dev.h>

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "linux_cure_diag.h"
#include "linux_cure_fd.h"

#define FIRST_PAUSE (2 * LA_MS)
#define LONGEST_PAUSE (50 * LA_MS)
#define CLOCK_GRAIN (100 * LA_MS) /* How coarse the kernel's "ago" may be. */

/* Keepalive as it was before. A user timeout would decide in place of the number of probes. */
struct keepalive {
    int on, idle, interval, probes, user_timeout;
};

/* One connection under treatment. */
struct patient {
    const struct snap_conn *conn;
    struct cured *cured;
    struct cure_diag *diag;
    struct cure_name name;
    struct cure_vitals before, now;
    struct keepalive keepalive; /* To be set back. */
    la_time acted;
    bool waiting; /* Done, and not decided yet. */
};

/* What all of them share. */
struct ward {
    enum cure cure;
    const struct snap *snap;
    const struct cure_options *options;
};

const char *cure_result_name(enum cure_result result) {
    static const char *const names[] = {"cured", "started", "no effect", "refused"};
    return (unsigned)result < sizeof names / sizeof names[0] ? names[result] : "?";
}

static void decide(struct patient *patient, enum cure_result result) {
    patient->waiting = false;
    patient->cured->result = result;
}

/* --- Acting through the duplicate; each 0 or -errno --- */

static int set_int(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof value) ? -errno : 0;
}

static int get_int(int fd, int level, int option) {
    int value = 0;
    socklen_t len = sizeof value;
    return getsockopt(fd, level, option, &value, &len) ? 0 : value;
}

static int number(unsigned value) { return value > INT_MAX ? INT_MAX : (int)value; }

static int set_keepalive(int fd, const struct keepalive *to) {
    int error = 0;
    if (!to->on) error = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
    if (!error) error = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, to->idle);
    if (!error) error = set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, to->interval);
    if (!error) error = set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, to->probes);
    if (!error) error = set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, to->user_timeout);
    if (!error && to->on) error = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    return error;
}

static int keep_alive(const struct cure_options *options, struct patient *patient, int fd) {
    struct keepalive wanted = {1, number(options->keep_idle), number(options->keep_interval),
                               number(options->keep_probes), 0};
    patient->keepalive = (struct keepalive){
        .on = get_int(fd, SOL_SOCKET, SO_KEEPALIVE),
        .idle = get_int(fd, IPPROTO_TCP, TCP_KEEPIDLE),
        .interval = get_int(fd, IPPROTO_TCP, TCP_KEEPINTVL),
        .probes = get_int(fd, IPPROTO_TCP, TCP_KEEPCNT),
        .user_timeout = get_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT),
    };
    int error = set_keepalive(fd, &wanted);
    if (error) set_keepalive(fd, &patient->keepalive);
    return error;
}

static int close_gently(const struct cure_options *options, int fd) {
    la_time ms = options->user_timeout / LA_MS;
    if (options->user_timeout && !ms) ms = 1;
    int error = ms ? set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ms > INT_MAX ? INT_MAX : (int)ms) : 0;
    if (error) return error;
    return shutdown(fd, SHUT_RDWR) ? -errno : 0;
}

static void act_through_duplicate(const struct ward *ward, struct patient *patient) {
    struct cure_refusal refusal;
    int error, fd = cure_duplicate(ward->snap, patient->conn, &refusal);
    if (fd < 0) {
        cure_say_refusal(&refusal, cure_ptrace_scope(), geteuid() == 0, &patient->cured->said);
        decide(patient, CURE_REFUSED);
        return;
    }
    switch (ward->cure) {
    case CURE_NUDGE: error = shutdown(fd, SHUT_RD) ? -errno : 0; break;
    case CURE_KEEPALIVE: error = keep_alive(ward->options, patient, fd); break;
    default: error = close_gently(ward->options, fd);
    }
    close(fd);
    if (!error) return;
    if (error == -ENOTCONN)
        say(&patient->cured->said, "It is closed already; nothing was left to do.\n");
    else
        say(&patient->cured->said, "The kernel refused: %s.\n", strerror(-error));
    decide(patient, error == -ENOTCONN ? CURED : CURE_REFUSED);
}

/* --- Acting through sock_diag --- */

static void say_gone(struct say *said) {
    say(said, "It is gone since it was looked for, even if its addresses are in use again. Nothing was touched.\n");
}

static void refuse_diag(struct patient *patient, int error) {
    struct say *said = &patient->cured->said;
    if (error == -ENOENT)
        say_gone(said);
    else if (error == -EPERM || error == -EACCES)
        say(said,
            "Destroying a socket needs CAP_NET_ADMIN in its network namespace: run this as root. For a process of "
            "your own, --close needs no privilege.\n");
    else if (error == -EOPNOTSUPP)
        say(said, "This kernel cannot destroy sockets (it was built without CONFIG_INET_DIAG_DESTROY): use --close.\n");
    else
        say(said, "The kernel refused: %s.\n", strerror(-error));
    decide(patient, CURE_REFUSED);
}

static void refuse_namespace(struct patient *patient, int error) {
    struct say *said = &patient->cured->said;
    if (error == -EPERM || error == -EACCES)
        say(said, "Its network namespace may not be entered: that needs CAP_SYS_ADMIN. Run this as root.\n");
    else if (error == -ENOENT || error == -ESTALE || error == -ESRCH)
        say(said, "Its network namespace is gone. Nothing was touched.\n");
    else
        say(said, "Its network namespace could not be asked: %s.\n", strerror(-error));
    decide(patient, CURE_REFUSED);
}

static void reset(struct patient *patient) {
    int error = cure_diag_destroy(patient->diag, &patient->name);
    if (!error) return;
    if (error == -ENOENT && patient->before.state == LA_LISTEN &&
        !cure_diag_find(patient->diag, patient->conn, &patient->name, &patient->now)) {
        say(&patient->cured->said, "The kernel finds listeners by address, and another one shares this address "
                                   "(SO_REUSEPORT). Nothing was touched: end its program instead.\n");
        decide(patient, CURE_REFUSED);
        return;
    }
    refuse_diag(patient, error);
}

/* --- One patient --- */

static bool is_fin_out(uint8_t state) {
    return state == LA_FIN_WAIT_1 || state == LA_FIN_WAIT_2 || state == LA_CLOSING || state == LA_LAST_ACK;
}

static bool is_opening(uint8_t state) { return state == LA_SYN_SENT || state == LA_SYN_RCVD; }

/* To the connection as it is by now: a socket keeps its cookie while its state goes on. */
static const char *objection(const struct ward *ward, const struct patient *patient) {
    struct snap_conn conn = *patient->conn;
    conn.state = patient->now.state;
    if (is_opening(patient->conn->state) && !is_opening(conn.state)) return "it has been established meanwhile";
    const char *text = cure_objection(ward->cure, ward->snap, &conn);
    if (!text && ward->cure == CURE_CLOSE && !ward->options->user_timeout && is_fin_out(conn.state))
        text = "its FIN is sent already, and only a user timeout could end it sooner: use --user-timeout or --reset";
    return text;
}

/* Whether there is something that says no. */
static bool refuse(const struct ward *ward, struct patient *patient) {
    const char *no = objection(ward, patient);
    if (!no) return false;
    say(&patient->cured->said, "Nothing was done: %s.\n", no);
    decide(patient, CURE_REFUSED);
    return true;
}

static void treat(const struct ward *ward, struct patient *patient) {
    patient->waiting = true;
    patient->now.state = patient->conn->state;
    if (refuse(ward, patient)) return;
    int error = patient->diag->link ? 0 : patient->diag->error;
    if (error) {
        refuse_namespace(patient, error);
        return;
    }
    error = cure_diag_find(patient->diag, patient->conn, &patient->name, &patient->before);
    if (error) {
        refuse_diag(patient, error);
        return;
    }
    patient->now = patient->before;
    if (refuse(ward, patient)) return;
    patient->acted = la_host_now();
    if (ward->cure == CURE_RESET)
        reset(patient);
    else
        act_through_duplicate(ward, patient);
}

/* --- What came of it --- */

/* How long it took. */
static void say_after(const struct patient *patient, struct say *said) {
    la_time took = la_host_now() - patient->acted;
    if (took < LA_MS) {
        say(said, " at once");
        return;
    }
    say(said, " after ");
    say_time(said, took);
}

/* Why a connection that was closed is gone. */
static const char *end_of_close(const struct ward *ward, const struct patient *patient) {
    la_time took = la_host_now() - patient->acted;
    if (patient->now.state == LA_FIN_WAIT_2) return "the peer closed too, or sent more and was reset";
    if (is_opening(patient->before.state)) return "it was never established";
    if (ward->options->user_timeout && took >= ward->options->user_timeout)
        return "the peer did not answer within the user timeout";
    if (is_fin_out(patient->before.state)) return "the peer answered the FIN, or the kernel gave it up";
    return "the peer answered the FIN";
}

/* Why it is gone. A program that has its descriptor still has not closed it. */
static const char *end_of(const struct ward *ward, const struct patient *patient) {
    if (ward->cure == CURE_RESET) return "the kernel destroyed it";
    if (ward->cure == CURE_CLOSE) return end_of_close(ward, patient);
    bool held = cure_is_held(ward->snap, patient->conn);
    if (ward->cure == CURE_NUDGE)
        return held ? "the program shut it down, or the peer reset it; the program holds its descriptor still"
                    : "the program woke and closed it";
    if (patient->now.probes >= ward->options->keep_probes) return "the peer's host was silent";
    return held ? "the peer's host no longer has this connection, and reset it"
                : "the peer's host no longer has this connection, or the program closed it";
}

static void found_gone(const struct ward *ward, struct patient *patient) {
    struct say *said = &patient->cured->said;
    say(said, "%s ended", la_state_name((enum la_state)patient->before.state));
    say_after(patient, said);
    say(said, ": %s.\n", end_of(ward, patient));
    decide(patient, CURED);
}

/* What nobody sets back. */
static void say_keepalive_stays(const struct ward *ward, const struct patient *patient) {
    struct say *said = &patient->cured->said;
    const struct keepalive *was = &patient->keepalive;
    say(said, "Its keepalive stays on, with a probe every %u s; before, it was ", ward->options->keep_idle);
    if (was->on)
        say(said, "set to %d s, then every %d s, %d times.\n", was->idle, was->interval, was->probes);
    else
        say(said, "off.\n");
}

/* The peer lives, so that asking it again and again is of no use. */
static void restore_keepalive(const struct ward *ward, struct patient *patient) {
    struct cure_refusal refusal;
    int fd = cure_duplicate(ward->snap, patient->conn, &refusal);
    int error = fd < 0 ? -ENOENT : set_keepalive(fd, &patient->keepalive);
    if (fd >= 0) close(fd);
    if (error)
        say_keepalive_stays(ward, patient);
    else
        say(&patient->cured->said, "Its keepalive settings are as they were before.\n");
}

/* What can be decided before the end of the wait. */
static void look_at(const struct ward *ward, struct patient *patient) {
    struct say *said = &patient->cured->said;
    int error = cure_diag_look(patient->diag, &patient->name, &patient->now);
    la_time took = la_host_now() - patient->acted;
    if (error == -ENOENT) {
        found_gone(ward, patient);
    } else if (error) {
        say(said, "It is done, but what came of it could not be seen: %s.\n", strerror(-error));
        if (ward->cure == CURE_KEEPALIVE) say_keepalive_stays(ward, patient);
        decide(patient, CURE_STARTED);
    } else if (patient->now.state == LA_TIME_WAIT && patient->before.state != LA_TIME_WAIT) {
        say(said, "Both sides have closed it");
        say_after(patient, said);
        say(said, ": it is in TIME_WAIT, which ends by itself within a minute.\n");
        decide(patient, CURED);
    } else if (ward->cure == CURE_KEEPALIVE && patient->now.ack_received != LA_NEVER &&
               patient->now.ack_received + CLOCK_GRAIN < took) {
        say(said,
            "The peer's host answered: the connection is alive there (its program has not closed it, or its FIN is "
            "still waiting), and nothing changed.\n");
        restore_keepalive(ward, patient);
        decide(patient, CURE_NO_EFFECT);
    }
}

static void conclude_nudge(struct patient *patient) {
    struct say *said = &patient->cured->said;
    if (patient->now.state != patient->before.state) {
        say(said, "The program woke and sent its FIN: it is in %s until the peer answers.\n",
            la_state_name((enum la_state)patient->now.state));
        decide(patient, CURE_STARTED);
    } else if (patient->now.recv_queue < patient->before.recv_queue) {
        say(said,
            "The program woke and read %s, but has not closed the connection: it knows of the end of file, or "
            "will on its next recv(). If it stays, use --close.\n",
            patient->now.recv_queue ? "something" : "everything");
        decide(patient, CURE_STARTED);
    } else {
        say(said,
            "Nothing happened: the program does not wait for this socket, or ignores what it is told. Use --close.\n");
        decide(patient, CURE_NO_EFFECT);
    }
}

static void conclude_close(const struct ward *ward, struct patient *patient) {
    struct say *said = &patient->cured->said;
    const char *state = la_state_name((enum la_state)patient->now.state);
    if (patient->now.state == LA_FIN_WAIT_2) {
        say(said, "The peer acknowledged the FIN and has yet to close: it is in FIN_WAIT_2, for as long as the program "
                  "holds it. If it stays, use --keepalive or --reset.\n");
    } else if (!is_fin_out(patient->now.state)) {
        say(said, "Nothing happened: it is in %s still.\n", state);
        decide(patient, CURE_NO_EFFECT);
        return;
    } else {
        say(said, "The peer has not acknowledged the FIN yet: it is in %s.", state);
        if (ward->options->user_timeout) {
            say(said, " The user timeout of ");
            say_time(said, ward->options->user_timeout);
            say(said, " ends it at a retransmission");
            if (patient->now.timer_left != LA_NEVER) {
                say(said, ", the next one in ");
                say_time(said, patient->now.timer_left);
            }
            say(said, ".");
        }
        say(said, "\n");
    }
    decide(patient, CURE_STARTED);
}

static void conclude_keepalive(const struct ward *ward, struct patient *patient) {
    struct say *said = &patient->cured->said;
    say(said, "The peer's host has not answered yet (%u of %u probes sent)", patient->now.probes,
        ward->options->keep_probes);
    if (patient->now.timer_left != LA_NEVER) {
        say(said, "; the next step is in ");
        say_time(said, patient->now.timer_left);
    }
    say(said, ". If it stays silent, the last probe ends the connection.\n");
    say_keepalive_stays(ward, patient);
    decide(patient, CURE_STARTED);
}

/* The wait is over. */
static void conclude(const struct ward *ward, struct patient *patient) {
    switch (ward->cure) {
    case CURE_NUDGE: conclude_nudge(patient); break;
    case CURE_KEEPALIVE: conclude_keepalive(ward, patient); break;
    case CURE_CLOSE: conclude_close(ward, patient); break;
    default:
        say(&patient->cured->said, "Nothing happened: it is in %s still.\n",
            la_state_name((enum la_state)patient->now.state));
        decide(patient, CURE_NO_EFFECT);
    }
}

/* --- All of them --- */

/* Looks at all, more and more rarely, until nobody waits or the time is over. */
static void watch(const struct ward *ward, struct patient *patients, size_t n) {
    la_time end = la_host_now() + ward->options->wait;
    if (end < ward->options->wait) end = LA_NEVER;
    for (la_time pause = FIRST_PAUSE;; pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE) {
        size_t waiting = 0;
        for (size_t i = 0; i < n; i++) {
            if (patients[i].waiting) look_at(ward, &patients[i]);
            waiting += patients[i].waiting;
        }
        la_time now = la_host_now();
        if (!waiting || now >= end) return;
        struct timespec rest = {.tv_nsec = (long)(end - now < pause ? end - now : pause)};
        nanosleep(&rest, NULL);
    }
}

static void refuse_all(struct cured *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        say(&list[i].said, "Nothing was done: there is no memory.\n");
        list[i].result = CURE_REFUSED;
    }
}

/* diags[snap->nnetns] is for those of an unknown namespace: it is taken for the own one. */
static void treat_all(const struct ward *ward, struct patient *patients, struct cure_diag *diags, struct cured *list,
                      size_t n) {
    static const struct snap_netns own;
    const struct snap *snap = ward->snap;
    for (size_t i = 0; i < n; i++) {
        const struct snap_conn *conn = &snap->conns[list[i].conn];
        bool known = conn->netns < snap->nnetns;
        const struct snap_netns *netns = known ? &snap->netns[conn->netns] : &own;
        struct cure_diag *diag = &diags[known ? conn->netns : snap->nnetns];
        if (!diag->link && !diag->error && !netns->stack) cure_diag_open(diag, netns);
        patients[i] = (struct patient){.conn = conn, .cured = &list[i], .diag = diag};
        treat(ward, &patients[i]);
    }
    watch(ward, patients, n);
    for (size_t i = 0; i < n; i++)
        if (patients[i].waiting) conclude(ward, &patients[i]);
}

void linux_cure(enum cure cure, const struct snap *snap, struct cured *list, size_t n,
                const struct cure_options *options) {
    const struct ward ward = {cure, snap, options};
    struct patient *patients = calloc(n ? n : 1, sizeof *patients);
    struct cure_diag *diags = calloc((size_t)snap->nnetns + 1, sizeof *diags);
    if (patients && diags)
        treat_all(&ward, patients, diags, list, n);
    else
        refuse_all(list, n);
    for (uint32_t i = 0; diags && i <= snap->nnetns; i++) cure_diag_close(&diags[i]);
    free(diags);
    free(patients);
}
