/* A program at one end of a connection: opens, writes, reads, pauses, and closes as its plan says.
 *
 * It acts on the stack's events and at moments of its own, never by trying again and again: if the stack forgets to say
 * that there is something to read, the program does not read, and the judge sees a connection that stands still. What
 * it writes is a function of the stream and the position; what it reads is compared with that, byte by byte. */
#include <string.h>

#include "world.h"

static struct sim_world *world_of(const struct sim_end *end) { return end->host->world; }
static struct la_stack *stack_of(const struct sim_end *end) { return end->host->stack; }
static la_time clock_of(const struct sim_end *end) { return sim_host_now(end->host); }
static bool is_client(const struct sim_end *end) { return end == &end->conn->end[0]; }

const char *sim_end_name(const struct sim_end *end, char text[32]) {
    snprintf(text, 32, "h%u c%u.%s", end->host->index, end->conn->id, is_client(end) ? "client" : "server");
    return text;
}

static void say_call(struct sim_end *end, const char *call, int64_t rc) {
    char name[32];
    if (!sim_heard(world_of(end))) return;
    if (rc < 0)
        sim_say(world_of(end), "%s %s: %s", sim_end_name(end, name), call, la_errno_name((int)-rc));
    else
        sim_say(world_of(end), "%s %s = %lld", sim_end_name(end, name), call, (long long)rc);
}

static void wrong_call(struct sim_end *end, const char *call, int64_t rc) {
    char name[32];
    sim_wrong(world_of(end), "%s: %s = %lld %s", sim_end_name(end, name), call, (long long)rc,
              rc < 0 ? la_errno_name((int)-rc) : "");
}

/* --- What streams consist of --- */

static uint8_t byte_at(const struct sim_end *writer, uint64_t at) {
    uint64_t x = (at + 1) * 0x9e3779b97f4a7c15 + sim_end_tag(writer) * 0xd1b54a32d192ed03;
    return (uint8_t)(x >> 56 ^ x >> 29);
}

static void fill(const struct sim_end *writer, uint8_t *data, size_t len) {
    for (size_t i = 0; i < len; i++) data[i] = byte_at(writer, writer->sent + i);
}

static void compare(struct sim_end *end, const uint8_t *data, size_t len) {
    char name[32];
    if (end->received + len > end->peer->sent) {
        sim_wrong(world_of(end), "%s reads %llu bytes; its peer has written %llu", sim_end_name(end, name),
                  (unsigned long long)end->received + len, (unsigned long long)end->peer->sent);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t wrong = data[i] ^ byte_at(end->peer, end->received + i);
        if (wrong == 0 || (end->tainted && wrong == SIM_FAKE)) continue;
        sim_wrong(world_of(end), "%s reads a wrong byte at %llu", sim_end_name(end, name),
                  (unsigned long long)end->received + i);
        return;
    }
    end->received += len;
    world_of(end)->result->bytes += len;
}

/* --- Closing --- */

static void done(struct sim_end *end) {
    la_sock sock = end->sock;
    end->phase = SIM_DONE;
    end->sock = -1;
    end->act_at = LA_NEVER;
    if (la_ready(stack_of(end), sock) != -LA_EBADF) wrong_call(end, "the use of a handle that is gone", 0);
}

static void close_now(struct sim_end *end) {
    struct sim_world *world = world_of(end);
    end->ended = true;
    int rc = la_close(stack_of(end), end->sock, clock_of(end));
    say_call(end, "close", rc);
    if (rc == -LA_EINPROGRESS && end->plan.style == SIM_LINGER) {
        end->phase = SIM_LINGERING;
        end->act_at = world->now + (la_time)end->plan.linger_s * LA_SECOND + LA_MS + 2 * end->host->clock;
        return;
    }
    if (rc) wrong_call(end, "close", rc);
    done(end);
}

static void option(struct sim_end *end, int level, int name, int value) {
    int rc = la_setsockopt(stack_of(end), end->sock, level, name, &value, sizeof value, clock_of(end));
    if (rc < 0 && !(rc == -LA_ENOMEM && end->host->memory.refused)) {
        char text[64];
        snprintf(text, sizeof text, "setsockopt(%d, %d, %d)", level, name, value);
        wrong_call(end, text, rc);
    }
}

static void linger(struct sim_end *end, int seconds) {
    struct la_linger value = {1, seconds};
    int rc = la_setsockopt(stack_of(end), end->sock, LA_SOL_SOCKET, LA_SO_LINGER, &value, sizeof value, clock_of(end));
    if (rc) wrong_call(end, "setsockopt(SO_LINGER)", rc);
}

/* An error came: it must be one that is possible, and the program closes. */
static void fail(struct sim_end *end, int error) {
    char name[32];
    sim_say(world_of(end), "%s has got %s", sim_end_name(end, name), la_errno_name(error));
    if (!sim_error_possible(end, error))
        sim_wrong(world_of(end), "%s has got %s (%s), for which there is no reason", sim_end_name(end, name),
                  la_errno_name(error), la_errno_text(error));
    end->error = error;
    close_now(end);
}

void sim_end_give_up(struct sim_end *end) {
    end->gave_up = true;
    if (end->phase == SIM_LINGERING) return;
    close_now(end);
}

static void shut(struct sim_end *end, int how) {
    int rc = la_shutdown(stack_of(end), end->sock, how, clock_of(end));
    say_call(end, how == LA_SHUT_WR ? "shutdown(WR)" : how == LA_SHUT_RD ? "shutdown(RD)" : "shutdown(RDWR)", rc);
    if (how != LA_SHUT_WR) end->shut_rd = true;
    if (how != LA_SHUT_RD) end->shut_wr = end->ended = true;
    if (rc == -LA_ENOTCONN) return; /* A reset came first; its event follows. */
    if (rc) wrong_call(end, "shutdown", rc);
}

/* --- Opening --- */

static void options(struct sim_end *end) {
    const struct sim_plan *plan = &end->plan;
    if (plan->sndbuf) option(end, LA_SOL_SOCKET, LA_SO_SNDBUF, plan->sndbuf);
    if (plan->rcvbuf) option(end, LA_SOL_SOCKET, LA_SO_RCVBUF, plan->rcvbuf);
    if (plan->maxseg && is_client(end)) option(end, LA_IPPROTO_TCP, LA_TCP_MAXSEG, plan->maxseg);
    if (plan->user_timeout_ms) option(end, LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, plan->user_timeout_ms);
    if (plan->linger2) option(end, LA_IPPROTO_TCP, LA_TCP_LINGER2, plan->linger2);
    if (plan->nodelay) option(end, LA_IPPROTO_TCP, LA_TCP_NODELAY, 1);
    if (plan->cork) option(end, LA_IPPROTO_TCP, LA_TCP_CORK, 1);
    if (plan->noopt && is_client(end)) option(end, LA_IPPROTO_TCP, LA_TCP_NOOPT, 1);
    if (plan->keepinit) option(end, LA_IPPROTO_TCP, LA_TCP_KEEPINIT, plan->keepinit);
    if (plan->quickack) option(end, LA_IPPROTO_TCP, LA_TCP_QUICKACK, 1);
    if (!plan->keepalive) return;
    option(end, LA_SOL_SOCKET, LA_SO_KEEPALIVE, 1);
    option(end, LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, plan->keepidle);
    option(end, LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, plan->keepintvl);
    option(end, LA_IPPROTO_TCP, LA_TCP_KEEPCNT, plan->keepcnt);
}

/* The connection is there: the clock of the plan starts. */
static void opened(struct sim_end *end) {
    end->phase = SIM_OPEN;
    end->established = true;
    end->can_read = end->can_write = true;
    end->opened_at = world_of(end)->now;
    if (end->plan.style == SIM_SLOTH) end->act_at = end->opened_at + 300 * LA_SECOND;
    if (end->plan.style == SIM_SHUT_RD || end->plan.style == SIM_SHUT_RDWR)
        end->act_at = end->opened_at + end->plan.moment;
}

static bool has_moment(const struct sim_plan *plan) {
    return plan->style == SIM_HURRY || plan->style == SIM_ABORT || plan->style == SIM_LINGER0;
}

/* What connect() needs: a socket with its options and, if planned, its port. */
static int prepare(struct sim_end *end, struct la_endpoint *peer) {
    const struct sim_conn *conn = end->conn;
    la_sock sock = la_socket(stack_of(end), conn->ipv6 ? LA_AF_INET6 : LA_AF_INET, LA_SOCK_STREAM);
    if (sock < 0) return (int)sock;
    end->sock = sock;
    la_owner_set(stack_of(end), sock, sim_end_tag(end));
    if (end->plan.reuseaddr) option(end, LA_SOL_SOCKET, LA_SO_REUSEADDR, 1);
    options(end);
    struct la_endpoint local = {end->host->addr[conn->ipv6], conn->client_port, 0};
    *peer = (struct la_endpoint){end->peer->host->addr[conn->ipv6], conn->server_port, 0};
    if (!is_client(end)) {
        local.port = conn->server_port;
        peer->port = conn->client_port;
    }
    return local.port ? la_bind(stack_of(end), sock, &local) : 0;
}

static void begin(struct sim_end *end) {
    struct sim_world *world = world_of(end);
    struct la_endpoint peer;
    struct la_conn_info info;
    end->start_at = LA_NEVER;
    end->opened_at = world->now;
    int rc = prepare(end, &peer);
    if (rc == 0) rc = la_connect(stack_of(end), end->sock, &peer, clock_of(end));
    say_call(end, "connect", rc);
    if (rc == -LA_EINPROGRESS) {
        end->phase = SIM_OPENING;
        if (has_moment(&end->plan)) end->act_at = world->now + end->plan.moment;
        if (la_conn_info(stack_of(end), end->sock, &info) == 0 && is_client(end)) {
            end->conn->iss = info.iss;
            end->conn->has_iss = true;
        }
        return;
    }
    if (!(rc == -LA_ENOMEM && end->host->memory.refused)) wrong_call(end, "connect", rc);
    end->error = -rc;
    if (end->sock >= 0) close_now(end);
    end->phase = SIM_DONE;
}

void sim_end_accepted(struct sim_end *end, la_sock sock) {
    char name[32];
    end->sock = sock;
    sim_say(world_of(end), "%s is accepted", sim_end_name(end, name));
    la_owner_set(stack_of(end), sock, sim_end_tag(end));
    options(end);
    opened(end);
    if (has_moment(&end->plan)) end->act_at = end->opened_at + end->plan.moment;
    sim_end_step(end);
}

/* --- Reading --- */

static int64_t take(struct sim_end *end, uint8_t *data, size_t len) {
    struct la_span span[3];
    unsigned count = 0;
    if (!end->plan.copy_free) return la_recv(stack_of(end), end->sock, data, len, 0, clock_of(end));
    int64_t rc = la_peek(stack_of(end), end->sock, span, 3, &count);
    size_t have = 0;
    for (unsigned i = 0; rc > 0 && i < count; i++) {
        size_t part = span[i].len < len - have ? span[i].len : len - have;
        memcpy(data + have, span[i].data, part);
        have += part;
    }
    if (rc <= 0) return rc;
    int consumed = la_consume(stack_of(end), end->sock, have, clock_of(end));
    if (consumed) wrong_call(end, "consume", consumed);
    return (int64_t)have;
}

static void end_of_file(struct sim_end *end) {
    char name[32];
    end->can_read = false;
    if (end->eof) return;
    end->eof = true;
    if (end->peer->ended && end->received == end->peer->sent) return;
    sim_wrong(world_of(end), "%s reads end of file at %llu; its peer has written %llu and %s", sim_end_name(end, name),
              (unsigned long long)end->received, (unsigned long long)end->peer->sent,
              end->peer->ended ? "ended" : "not ended");
}

static void pause_reading(struct sim_end *end, uint64_t taken) {
    if (!end->pauses_left || taken < end->pause_left) {
        end->pause_left -= end->pauses_left ? taken : 0;
        return;
    }
    end->pauses_left--;
    end->pause_left = end->plan.pause_after;
    end->read_at = world_of(end)->now + end->plan.pause;
}

static void read_some(struct sim_end *end) {
    uint8_t data[SIM_CHUNK_MAX];
    while (end->phase == SIM_OPEN && end->can_read && !end->shut_rd && !end->read_at && !world_of(end)->failed) {
        int64_t rc = take(end, data, end->plan.chunk);
        say_call(end, "recv", rc);
        if (rc == -LA_EAGAIN) {
            end->can_read = false;
        } else if (rc < 0) {
            fail(end, (int)-rc);
        } else if (rc == 0) {
            end_of_file(end);
        } else {
            compare(end, data, (size_t)rc);
            pause_reading(end, (uint64_t)rc);
        }
    }
}

/* --- Writing --- */

static int64_t give(struct sim_end *end, uint8_t *data, size_t len) {
    struct la_room room[3];
    unsigned count = 0;
    la_time now = clock_of(end);
    if (!end->plan.copy_free) {
        bool more = end->plan.more && end->sent + len < end->plan.total;
        fill(end, data, len);
        return la_send(stack_of(end), end->sock, data, len, more ? LA_MSG_MORE : 0, now);
    }
    int64_t rc = la_reserve(stack_of(end), end->sock, len, room, 3, &count);
    if (rc <= 0) return rc;
    uint64_t was = end->sent;
    for (unsigned i = 0; i < count; i++) {
        fill(end, room[i].data, room[i].len);
        end->sent += room[i].len;
    }
    size_t filled = (size_t)(end->sent - was);
    end->sent = was;
    if (filled != (size_t)rc) wrong_call(end, "reserve", rc);
    int committed = la_commit(stack_of(end), end->sock, filled, now);
    return committed < 0 ? committed : rc;
}

static void write_some(struct sim_end *end) {
    uint8_t data[SIM_CHUNK_MAX];
    while (end->phase == SIM_OPEN && end->can_write && !end->shut_wr && !end->write_at && end->sent < end->plan.total &&
           !world_of(end)->failed) {
        uint64_t left = end->plan.total - end->sent;
        size_t len = left < end->plan.chunk ? (size_t)left : end->plan.chunk;
        int64_t rc = give(end, data, len);
        say_call(end, "send", rc);
        if (rc == -LA_EAGAIN || (rc == -LA_ENOMEM && end->host->memory.refused)) {
            end->can_write = false;
            if (rc == -LA_ENOMEM) end->write_at = world_of(end)->now + LA_SECOND; /* No event tells of new memory. */
            return;
        }
        if (rc <= 0 || (size_t)rc > len) {
            if (rc >= 0) wrong_call(end, "send", rc);
            if (rc < 0) fail(end, (int)-rc);
            return;
        }
        end->sent += (uint64_t)rc;
        if (end->sent == end->plan.total && end->plan.cork) option(end, LA_IPPROTO_TCP, LA_TCP_CORK, 0);
        if (!end->write_pauses_left) continue;
        end->write_pauses_left--;
        end->write_at = world_of(end)->now + end->plan.write_pause;
    }
}

/* --- The plan --- */

/* Closes or shuts down when what its style waits for has come. */
static void proceed(struct sim_end *end) {
    bool written = end->sent == end->plan.total;
    if (end->phase != SIM_OPEN) return;
    switch (end->plan.style) {
    case SIM_ORDERLY:
        if (written && !end->shut_wr) shut(end, LA_SHUT_WR);
        if (end->shut_wr && end->eof) close_now(end);
        break;
    case SIM_LAST:
        if (written && end->eof) close_now(end);
        break;
    case SIM_LINGER:
        if (!written) break;
        linger(end, end->plan.linger_s);
        close_now(end);
        break;
    case SIM_FORGET:
        if (written) close_now(end);
        break;
    case SIM_SHUT_RD:
        if (written && end->shut_rd) close_now(end);
        break;
    default: break; /* The others have their moment. */
    }
}

/* A sloth closes long after it has nothing more to do. */
static void sloth(struct sim_end *end) {
    bool finished = end->sent == end->plan.total && (end->eof || end->received == end->peer->plan.total);
    if (finished || end->postponed++ == 100)
        close_now(end);
    else
        end->act_at = world_of(end)->now + 60 * LA_SECOND;
}

/* The style's moment has come. */
static void act(struct sim_end *end) {
    char name[32];
    end->act_at = LA_NEVER;
    if (end->phase == SIM_LINGERING) {
        sim_wrong(world_of(end), "%s lingers longer than it asked for", sim_end_name(end, name));
        return;
    }
    switch (end->plan.style) {
    case SIM_LINGER0: linger(end, 0); /* fall through */
    case SIM_HURRY: close_now(end); break;
    case SIM_ABORT: {
        int rc = la_abort(stack_of(end), end->sock, clock_of(end));
        say_call(end, "abort", rc);
        if (rc) wrong_call(end, "abort", rc);
        done(end);
        break;
    }
    case SIM_SHUT_RD: shut(end, LA_SHUT_RD); break;
    case SIM_SHUT_RDWR:
        if (end->shut_wr) {
            close_now(end);
        } else {
            shut(end, LA_SHUT_RDWR);
            end->act_at = world_of(end)->now + end->plan.moment;
        }
        break;
    case SIM_SLOTH: sloth(end); break;
    default: break;
    }
}

void sim_end_step(struct sim_end *end) {
    la_time now = world_of(end)->now;
    if (end->phase == SIM_WAITING && end->start_at <= now) begin(end);
    if (end->act_at <= now) act(end);
    if (end->read_at && end->read_at <= now) end->read_at = 0;
    if (end->write_at && end->write_at <= now) {
        end->write_at = 0;
        end->can_write = true;
    }
    write_some(end);
    read_some(end);
    proceed(end);
}

la_time sim_end_next(const struct sim_end *end) {
    la_time next = end->act_at;
    if (end->phase == SIM_DONE) return LA_NEVER;
    if (end->phase == SIM_WAITING && end->start_at < next) next = end->start_at;
    if (end->phase == SIM_OPEN && end->read_at && end->read_at < next) next = end->read_at;
    if (end->phase == SIM_OPEN && end->write_at && end->write_at < next) next = end->write_at;
    return next;
}

/* --- Events --- */

static void event_opening(struct sim_end *end, uint32_t events) {
    int error = 0;
    size_t len = sizeof error;
    int rc = la_getsockopt(stack_of(end), end->sock, LA_SOL_SOCKET, LA_SO_ERROR, &error, &len);
    if (rc || error < 0) wrong_call(end, "getsockopt(SO_ERROR)", rc);
    if (error)
        fail(end, error);
    else if (events & LA_EV_CONNECTED)
        opened(end);
    else if (events & (LA_EV_ERROR | LA_EV_CLOSED))
        wrong_call(end, "an event of failure without an error", (int64_t)events);
}

void sim_end_event(struct sim_end *end, uint32_t events) {
    if (sim_heard(world_of(end))) {
        char text[32];
        snprintf(text, sizeof text, "event %x", (unsigned)events);
        say_call(end, text, la_ready(stack_of(end), end->sock));
    }
    if (end->phase == SIM_LINGERING) {
        if (events & LA_EV_CLOSED) done(end);
        return;
    }
    if (end->phase == SIM_OPENING) event_opening(end, events);
    if (end->phase != SIM_OPEN) return;
    if (events & (LA_EV_READABLE | LA_EV_EOF | LA_EV_ERROR | LA_EV_CLOSED)) end->can_read = true;
    if (events & (LA_EV_WRITABLE | LA_EV_ERROR | LA_EV_CLOSED)) end->can_write = true;
    if (end->eof) end->can_read = (events & LA_EV_ERROR) != 0;
    sim_end_step(end);
}
