/* A device around a device that plays faults.
 *
 * Every packet that passes, in either direction, is shown to all rules in order; each counts what it matches, and the
 * first that applies decides. Packets that cannot leave at once (delayed, overtaken, duplicated, corrupted, or decided
 * but pushed back by the inner device) wait in the queue of their direction: a copy, the time it is due, and how many
 * packets have still to overtake it. A packet is thus decided on exactly once, whatever pushes back.
 *
 * Invariants. A queue holds QUEUE_MAX packets at most; when it is full its direction pushes back. Packets due at the
 * same time leave in the order in which they came. While packets that are due wait for the inner device, no later one
 * passes them. Rules see packets: a unit is cut before, unless there are no rules. Without memory for a copy a packet
 * passes unharmed: faults never come from the player itself. */
#include "dev/fault.h"
#include "dev/dev_base.h"

#include <lastack/dev.h>

enum {
    QUEUE_MAX = 4096, /* Packets waiting in one direction. */
    RECV_TURN = 1024, /* Packets looked at in one call of recv when all are dropped or delayed. */
};

static const la_time DEFAULT_DELAY = 100 * LA_MS;

struct waiting {
    struct waiting *next; /* Later in coming, not in leaving. */
    la_time due;
    unsigned behind; /* Packets that have still to overtake it. */
    size_t len;
    uint8_t data[];
};

struct queue {
    struct waiting *first, **tail;
    unsigned count;
};

struct fault {
    struct la_device device; /* First: the two are the same address. */
    struct la_allocator alloc;
    struct la_device *inner;
    uint64_t random;
    struct queue in, out;
    struct waiting *lent; /* Given to the caller by the last recv. */
    bool more;            /* recv gave up before the inner device had: it must be called again at once. */
    unsigned nrules;
    struct la_fault_rule rule[LA_FAULT_RULES];
};

static struct fault *fault_of(struct la_device *device) { return (struct fault *)device; }

static void waiting_free(struct fault *fault, struct waiting *w) {
    if (w) dev_free(&fault->alloc, w, sizeof *w + w->len);
}

/* The one that leaves next: due first, and of equals the one that came first. */
static struct waiting **earliest(struct queue *queue) {
    struct waiting **best = &queue->first;
    for (struct waiting **w = &queue->first; *w; w = &(*w)->next)
        if ((*w)->due < (*best)->due) best = w;
    return best;
}

static struct waiting *unlink_at(struct queue *queue, struct waiting **at) {
    struct waiting *w = *at;
    *at = w->next;
    if (queue->tail == &w->next) queue->tail = at;
    queue->count--;
    return w;
}

/* A packet has passed: those it has overtaken may follow. */
static void passed(struct queue *queue, la_time now) {
    for (struct waiting *w = queue->first; w; w = w->next)
        if (w->behind && --w->behind == 0 && w->due > now) w->due = now;
}

/* Puts a copy into the queue. NULL without memory. */
static struct waiting *enqueue(struct fault *fault, struct queue *queue, const struct la_packet *packet, la_time due) {
    struct waiting *w = fault->alloc.alloc(fault->alloc.ctx, sizeof *w + packet->len);
    if (!w) return NULL;
    *w = (struct waiting){.due = due, .len = packet->len};
    dev_gather(packet, w->data);
    *queue->tail = w;
    queue->tail = &w->next;
    queue->count++;
    return w;
}

/* Shows a packet to the rules. The one that decides, or NULL. */
static const struct la_fault_rule *decide(struct fault *fault, enum la_dir dir, const uint8_t *packet, size_t len) {
    const struct la_fault_rule *decided = NULL;
    for (unsigned i = 0; i < fault->nrules; i++) {
        struct la_fault_rule *rule = &fault->rule[i];
        if (!fault_match(rule, fault->device.link, dir, packet, len)) continue;
        if (fault_count(rule, &fault->random) && !decided) decided = rule;
    }
    return decided;
}

/* Does to a packet what its rule says, by way of the queue. False without memory: nothing has happened. */
static bool suffer(struct fault *fault, struct queue *queue, const struct la_fault_rule *rule,
                   const struct la_packet *packet, la_time now) {
    la_time delay = rule->delay ? rule->delay : DEFAULT_DELAY;
    bool waits = rule->action == LA_FAULT_DELAY || rule->action == LA_FAULT_REORDER;
    struct waiting *w = enqueue(fault, queue, packet, waits ? now + delay : now);
    if (!w) return false;
    if (rule->action == LA_FAULT_REORDER) w->behind = rule->distance ? rule->distance : 1;
    if (rule->action == LA_FAULT_CORRUPT) fault_corrupt(rule, fault->device.link, w->data, w->len, &fault->random);
    if (rule->action == LA_FAULT_DUPLICATE)
        for (unsigned i = 0; i < (rule->copies ? rule->copies : 1) && queue->count < QUEUE_MAX; i++)
            if (!enqueue(fault, queue, packet, now)) break;
    return true;
}

/* Sends what is due. 0, or -LA_EAGAIN when the inner device pushes back; its other errors lose that packet only. */
static int release(struct fault *fault, la_time now) {
    int error = 0;
    fault->device.full = false;
    while (fault->out.first) {
        struct waiting **at = earliest(&fault->out);
        if ((*at)->due > now) break;
        struct la_packet packet = dev_packet((*at)->data, (*at)->len);
        int rc = la_dev_send(fault->inner, &packet, now);
        if (rc == -LA_EAGAIN) {
            fault->device.full = true;
            return rc;
        }
        if (rc < 0) error = rc;
        waiting_free(fault, unlink_at(&fault->out, at));
        passed(&fault->out, now);
    }
    return error;
}

/* Sends a packet that no rule harms. One that is pushed back has been counted by the rules: it must not come again. */
static int pass_out(struct fault *fault, const struct la_packet *packet, la_time now) {
    int rc = la_dev_send(fault->inner, packet, now);
    if (rc == -LA_EAGAIN && enqueue(fault, &fault->out, packet, now)) {
        fault->device.full = true;
        return 0;
    }
    if (rc == 0) passed(&fault->out, now);
    return rc;
}

/* Decides on one packet, and sends it where no rule harms it. */
static int send_one(struct fault *fault, const struct la_packet *packet, la_time now) {
    const uint8_t *flat = packet->span[0].data;
    struct la_allocator *alloc = &fault->alloc;
    uint8_t *copy = packet->nspans > 1 && fault->nrules ? alloc->alloc(alloc->ctx, packet->len) : NULL;
    if (copy) {
        dev_gather(packet, copy);
        flat = copy;
    }
    bool whole = copy || packet->nspans == 1; /* Without memory the rules do not see it. */
    const struct la_fault_rule *rule = whole ? decide(fault, LA_DIR_OUT, flat, packet->len) : NULL;
    dev_free(alloc, copy, packet->len);
    bool done = rule && (rule->action == LA_FAULT_DROP || suffer(fault, &fault->out, rule, packet, now));
    return done ? 0 : pass_out(fault, packet, now);
}

static int send_pieces(struct fault *fault, const struct la_packet *packet, la_time now) {
    struct la_cut cut = {0};
    struct la_packet piece;
    int error = 0;
    while (la_packet_cut(packet, fault->device.link, &cut, &piece)) {
        int rc = send_one(fault, &piece, now);
        if (rc == -LA_EAGAIN && cut.given == 1) return rc;
        if (rc < 0 && rc != -LA_EAGAIN) error = rc; /* Without memory a later piece is lost: the first has gone. */
    }
    return error;
}

static int fault_send(struct la_device *device, const struct la_packet *packet, la_time now) {
    struct fault *fault = fault_of(device);
    int rc = release(fault, now);
    if (rc == -LA_EAGAIN || fault->out.count >= QUEUE_MAX) return -LA_EAGAIN;
    bool as_it_is = !dev_is_raw(packet) || (!fault->nrules && !fault->out.count);
    if (!as_it_is)
        rc = send_pieces(fault, packet, now);
    else if (dev_is_raw(packet))
        rc = la_dev_send(fault->inner, packet, now);
    else
        rc = send_one(fault, packet, now);
    int late = release(fault, now);
    return rc < 0 || late == -LA_EAGAIN ? rc : late;
}

/* A unit arrives: its packets meet their fates one by one and wait in the queue. */
static void take_pieces(struct fault *fault, const struct la_packet *packet, la_time now) {
    struct la_cut cut = {0};
    struct la_packet piece;
    uint8_t *flat = fault->alloc.alloc(fault->alloc.ctx, packet->len);
    fault->more = true;
    while (flat && la_packet_cut(packet, fault->device.link, &cut, &piece)) {
        dev_gather(&piece, flat);
        const struct la_fault_rule *rule = decide(fault, LA_DIR_IN, flat, piece.len);
        if (rule && rule->action == LA_FAULT_DROP) continue;
        if (rule && suffer(fault, &fault->in, rule, &piece, now)) continue;
        if (enqueue(fault, &fault->in, &piece, now)) passed(&fault->in, now);
    }
    dev_free(&fault->alloc, flat, packet->len);
}

/* The next packet of the inner device that passes unharmed, or -LA_EAGAIN; the others go their ways. */
static int pass_in(struct fault *fault, struct la_span *span, la_time now) {
    for (int i = 0; i < RECV_TURN; i++) {
        if (fault->in.count >= QUEUE_MAX) return -LA_EAGAIN;
        int rc = la_dev_recv(fault->inner, span, now);
        if (rc < 0) return rc;
        struct la_packet packet = dev_arrived(fault->inner, span);
        if (dev_is_raw(&packet) && (fault->nrules || fault->in.count)) {
            take_pieces(fault, &packet, now);
            return -LA_EAGAIN;
        }
        fault->device.segment = packet.segment;
        fault->device.csum_done = packet.csum_partial;
        const struct la_fault_rule *rule = decide(fault, LA_DIR_IN, span->data, span->len);
        if (rule && rule->action == LA_FAULT_DROP) continue;
        if (!rule || !suffer(fault, &fault->in, rule, &packet, now)) {
            passed(&fault->in, now);
            return 0;
        }
        const struct waiting *next = *earliest(&fault->in);
        if (next && next->due <= now) return -LA_EAGAIN;
    }
    fault->more = true;
    return -LA_EAGAIN;
}

/* A packet of the queue that is due, lent to the caller. */
static bool take_due(struct fault *fault, struct la_span *span, la_time now) {
    struct waiting **at = earliest(&fault->in);
    if (!*at || (*at)->due > now) return false;
    fault->lent = unlink_at(&fault->in, at);
    passed(&fault->in, now);
    *span = (struct la_span){fault->lent->data, fault->lent->len};
    fault->device.segment = 0;
    fault->device.csum_done = false;
    return true;
}

static int fault_recv(struct la_device *device, struct la_span *span, la_time now) {
    struct fault *fault = fault_of(device);
    waiting_free(fault, fault->lent);
    fault->lent = NULL;
    fault->more = false;
    release(fault, now); /* The inner device's refusals belong to packets sent long ago. */

    if (take_due(fault, span, now)) return 0;
    int rc = pass_in(fault, span, now);
    return rc == -LA_EAGAIN && take_due(fault, span, now) ? 0 : rc;
}

static int fault_fd(const struct la_device *device) { return la_dev_fd(((const struct fault *)device)->inner); }

static la_time due_at(const struct queue *queue) {
    la_time due = LA_NEVER;
    for (const struct waiting *w = queue->first; w; w = w->next)
        if (w->due < due) due = w->due;
    return due;
}

static la_time fault_poll_at(const struct la_device *device) {
    const struct fault *fault = (const struct fault *)device;
    la_time at = la_dev_poll_at(fault->inner), in = due_at(&fault->in), out = due_at(&fault->out);
    if (fault->more) return 0;
    if (in < at) at = in;
    return out < at && !device->full ? out : at; /* When full, the descriptor tells. */
}

static void queue_free(struct fault *fault, struct queue *queue) {
    while (queue->first) waiting_free(fault, unlink_at(queue, &queue->first));
}

static void fault_close(struct la_device *device) {
    struct fault *fault = fault_of(device);
    struct la_allocator alloc = fault->alloc;
    queue_free(fault, &fault->in);
    queue_free(fault, &fault->out);
    waiting_free(fault, fault->lent);
    la_dev_close(fault->inner);
    dev_free(&alloc, fault, sizeof *fault);
}

int la_fault_around(const struct la_allocator *given, struct la_device *inner, uint64_t seed,
                    struct la_device **device) {
    struct la_allocator alloc = dev_alloc(given);
    struct fault *fault = dev_new(&alloc, sizeof *fault);
    if (!fault) return -LA_ENOMEM;
    fault->device = (struct la_device){.link = inner->link,
                                       .mtu = inner->mtu,
                                       .gso_max = inner->gso_max,
                                       .tx_csum_by_dev = inner->tx_csum_by_dev,
                                       .send = fault_send,
                                       .recv = fault_recv,
                                       .fd = fault_fd,
                                       .poll_at = fault_poll_at,
                                       .close = fault_close,
                                       .full = inner->full,
                                       .alloc = alloc};
    fault->alloc = alloc;
    fault->inner = inner;
    fault->random = seed;
    fault->in.tail = &fault->in.first;
    fault->out.tail = &fault->out.first;
    *device = &fault->device;
    return 0;
}

int la_fault_add(struct la_device *device, const struct la_fault_rule *rule) {
    struct fault *fault = fault_of(device);
    if (!fault_rule_valid(rule)) return -LA_EINVAL;
    if (fault->nrules == LA_FAULT_RULES) return -LA_ENOBUFS;
    fault->rule[fault->nrules] = *rule;
    fault->rule[fault->nrules].seen = fault->rule[fault->nrules].done = 0;
    return (int)fault->nrules++;
}

const struct la_fault_rule *la_fault_rule(const struct la_device *device, unsigned i) {
    const struct fault *fault = (const struct fault *)device;
    return i < fault->nrules ? &fault->rule[i] : NULL;
}

void la_fault_clear(struct la_device *device) { fault_of(device)->nrules = 0; }
