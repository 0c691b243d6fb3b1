/* What a hostile peer does, one function per trick. See hostile.h.
 *
 * In: a segment of the hostile host on its way out (hostile_deed), and what the liar knows of the connection. Out: the
 * segment changed, or segments invented before it. A trick is played on each segment with the host's probability, in
 * the order of the table: those that change the segment's window, timestamps and flags first, because what is invented
 * later is made from the changed one; those that replace its data last.
 *
 * Invariants: bytes are true unless the end that may read them is marked tainted, or has acknowledged them; sequence
 * numbers of garbage lie so far away that they never become right; no trick takes the FIN away for good. */
#include <string.h>

#include "hostile.h"

enum {
    FAR = 1 << 26,       /* Further than any window or stream of a scenario. */
    PIECES_MAX = 40,     /* Segments made of one. */
    JOINED_MAX = 1100,   /* Bytes of two segments made one: they fit every MTU. */
    AHEAD_MAX = 1 << 29, /* A clock that is ahead by 2^31 is behind. */
};

static struct sim_random *random_of(struct hostile_deed *deed) { return &deed->hostile->random; }

static uint32_t below(struct hostile_deed *deed, uint32_t n) { return (uint32_t)sim_below(random_of(deed), n ? n : 1); }

/* The same without data: an ACK that says what the segment says. */
static struct la_segment bare(const struct hostile_deed *deed) {
    struct la_segment s = deed->s;
    s.flags &= LA_ACK | LA_ECE | LA_AE;
    s.data = NULL;
    s.len = 0;
    return s;
}

/* Unacknowledged bytes that they have sent, as far as is known. */
static uint32_t flight(const struct hostile_deed *deed) {
    const struct hostile_flow *flow = deed->flow;
    return hostile_after(flow->seen, deed->s.ack) ? flow->seen - deed->s.ack : 0;
}

/* --- The window --- */

static void shrink_window(struct hostile_deed *deed) { deed->s.wnd = (uint16_t)below(deed, deed->s.wnd + 1u); }

static void close_window(struct hostile_deed *deed) {
    struct hostile_flow *flow = deed->flow;
    if (deed->now >= flow->closed_until && sim_percent(random_of(deed), 5))
        flow->closed_until = deed->now + sim_between(random_of(deed), 1, 20000) * LA_MS;
    if (deed->now < flow->closed_until) deed->s.wnd = 0;
}

/* --- Timestamps and ECN --- */

static void turn_clock_back(struct hostile_deed *deed) {
    if (deed->s.has_ts) deed->s.ts_val -= 1 + below(deed, 1u << 30);
}

static void push_clock(struct hostile_deed *deed) {
    if (deed->flow->ts_ahead < AHEAD_MAX) deed->flow->ts_ahead += 1 + (uint32_t)sim_skewed(random_of(deed), 100000);
}

static void echo_wrongly(struct hostile_deed *deed) {
    static const uint32_t off[] = {1, 1000, 60000, 1u << 31};
    if (!deed->s.has_ts) return;
    uint32_t by = below(deed, off[below(deed, 4)]) + 1;
    if (sim_percent(random_of(deed), 10))
        deed->s.ts_ecr = 0;
    else
        deed->s.ts_ecr += sim_percent(random_of(deed), 50) ? by : -by;
}

static void echo_congestion(struct hostile_deed *deed) {
    deed->s.flags |= LA_ECE;
    if (deed->s.tos & 3) deed->s.tos |= 3;
}

/* --- ACKs --- */

/* Many ACKs for what one would do, down to single bytes, not always in order. */
static void divide_acks(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    uint32_t span = deed->s.ack - deed->acked_before;
    uint32_t many = 1 + below(deed, PIECES_MAX);
    if (span < 2 || span > FAR) return;
    for (uint32_t i = 1; i <= many && i < span; i++) {
        uint32_t at = (uint32_t)((uint64_t)span * i / (many + 1));
        if (sim_percent(random_of(deed), 20)) at = 1 + below(deed, span - 1);
        s.ack = deed->acked_before + at;
        hostile_invent(deed, &s);
    }
}

static void repeat_acks(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    for (uint32_t many = 1 + below(deed, 30); many; many--) hostile_invent(deed, &s);
}

static void ack_the_future(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    s.ack = deed->flow->seen + FAR + below(deed, FAR);
    hostile_invent(deed, &s);
}

/* What is on its way, or may be soon: this cannot be made good. Seldom, so that streams get somewhere. */
static void ack_early(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    if (!sim_percent(random_of(deed), 20)) return;
    s.ack = deed->flow->seen + below(deed, 4000);
    deed->flow->conn->poisoned = true;
    hostile_invent(deed, &s);
}

static void ack_the_past(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    s.ack -= 1 + (uint32_t)sim_skewed(random_of(deed), 1 << 30);
    hostile_invent(deed, &s);
}

/* --- SACK --- */

static unsigned blocks_max(const struct la_segment *s) { return s->has_ts ? 3 : 4; }

static bool sacks(const struct hostile_deed *deed) { return deed->flow->our_sack && deed->flow->their_sack; }

/* Of what is really there, or, where nothing is, of what is on its way. */
static void sack_bytes(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    unsigned real = deed->s.nsack;
    if (!sacks(deed) || flight(deed) < 4) return;
    for (uint32_t many = 1 + below(deed, 12); many; many--) {
        s.nsack = blocks_max(&s);
        for (unsigned i = 0; i < s.nsack; i++) {
            uint32_t from = deed->s.ack + 1, len = flight(deed) - 1;
            if (real) {
                const struct la_sack_block *block = &deed->s.sack[below(deed, real)];
                from = block->from;
                len = block->to - block->from;
            }
            from += below(deed, len);
            s.sack[i] = (struct la_sack_block){from, from + 1};
        }
        hostile_invent(deed, &s);
    }
}

static void sack_the_future(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    if (!sacks(deed)) return;
    s.nsack = 1;
    s.sack[0].from = sim_percent(random_of(deed), 50) ? s.ack : deed->flow->seen + below(deed, FAR);
    s.sack[0].to = deed->flow->seen + FAR + below(deed, FAR);
    hostile_invent(deed, &s);
}

/* Empty blocks, blocks from right to left, blocks about the past, all of it. */
static void sack_nonsense(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    if (!sacks(deed)) return;
    s.nsack = blocks_max(&s);
    for (unsigned i = 0; i < s.nsack; i++) {
        uint32_t from = s.ack + below(deed, 3000) - 1500;
        s.sack[i] = (struct la_sack_block){from, from + below(deed, 3000) - 1000};
    }
    hostile_invent(deed, &s);
}

/* D-SACKs (RFC 2883) about what came once. */
static void sack_twice(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    uint32_t back = 1 + below(deed, 5000);
    if (!sacks(deed)) return;
    s.nsack = 1;
    s.sack[0] = (struct la_sack_block){s.ack - back, s.ack - back + 1 + below(deed, back)};
    if (deed->s.nsack) {
        s.nsack = 2;
        s.sack[1] = deed->s.sack[0];
        if (sim_percent(random_of(deed), 50)) s.sack[0] = (struct la_sack_block){s.sack[1].from, s.sack[1].from + 1};
    }
    hostile_invent(deed, &s);
}

/* What is told of the ranges that were kept from it, until it forgets them or has them after all. */
static void tell_lies(struct hostile_deed *deed) {
    struct hostile_flow *flow = deed->flow;
    struct la_segment *s = &deed->s;
    struct la_sack_block real[4];
    unsigned nreal = s->nsack, kept = 0;
    if (deed->now >= flow->lie_until) flow->nlies = 0;
    for (unsigned i = 0; i < flow->nlies; i++)
        if (hostile_after(flow->lie[i].to, s->ack)) flow->lie[kept++] = flow->lie[i];
    flow->nlies = kept;
    if (!kept || s->len) return; /* Behind data there may be no room. */
    memcpy(real, s->sack, sizeof real);
    memcpy(s->sack, flow->lie, kept * sizeof *s->sack);
    for (unsigned i = 0; i < nreal && kept < blocks_max(s); i++) s->sack[kept++] = real[i];
    s->nsack = kept;
    deed->changed = true;
}

static bool plays(const struct sim_hostile *hostile, void (*play)(struct hostile_deed *deed));

bool hostile_swallows(struct sim_hostile *hostile, struct hostile_flow *flow, const struct la_segment *s) {
    la_time now = hostile->host->world->now;
    if (!plays(hostile, tell_lies) || !flow->our_sack || !flow->their_sack || s->len == 0) return false;
    if (s->flags & LA_RST || flow->nlies == HOSTILE_LIES || !sim_ppm(&hostile->random, hostile->ppm)) return false;
    if (!hostile_after(s->seq + (uint32_t)s->len, flow->acked)) return false;
    if (flow->nlies == 0) flow->lie_until = now + sim_between(&hostile->random, 10, 10000) * LA_MS;
    flow->lie[flow->nlies++] = (struct la_sack_block){s->seq, s->seq + (uint32_t)s->len};
    return true;
}

/* --- Data --- */

/* A part of the segment, as a segment. */
static void send_part(struct hostile_deed *deed, size_t from, size_t len) {
    struct la_segment s = deed->s;
    s.seq += (uint32_t)from;
    s.data += from;
    s.len = len;
    if (from + len < deed->s.len) s.flags &= (uint16_t)~LA_FIN;
    hostile_invent(deed, &s);
}

static void overlap(struct hostile_deed *deed) {
    const struct hostile_flow *flow = deed->flow;
    size_t len = deed->s.len, joined = flow->last_len + len;
    uint8_t both[JOINED_MAX];
    if (len < 2) return;
    if (flow->last_len && flow->last_seq + flow->last_len == deed->s.seq && joined <= JOINED_MAX) {
        struct la_segment s = deed->s;
        size_t from = below(deed, (uint32_t)flow->last_len);
        memcpy(both, flow->last, flow->last_len);
        memcpy(both + flow->last_len, s.data, len);
        s.flags &= (uint16_t)~LA_FIN;
        s.seq = flow->last_seq + (uint32_t)from;
        s.data = both + from;
        s.len = joined - from - 1;
        hostile_invent(deed, &s);
    }
    for (uint32_t many = 1 + below(deed, 4); many; many--) {
        size_t from = below(deed, (uint32_t)len);
        send_part(deed, from, 1 + below(deed, (uint32_t)(len - from)));
    }
}

/* Every other byte, from the back or the front: as many gaps as there can be. */
static void send_islands(struct hostile_deed *deed) {
    size_t len = deed->s.len;
    size_t many = len / 2 < PIECES_MAX ? len / 2 : PIECES_MAX;
    bool back = sim_percent(random_of(deed), 50);
    for (size_t i = 0; i < many; i++) send_part(deed, back ? len - 1 - 2 * i : 1 + 2 * i, 1);
}

/* The end of the connection that may read what is sent here. */
static struct sim_end *reader_of(const struct hostile_deed *deed) {
    struct sim_conn *conn = deed->flow->conn;
    return &conn->end[conn->end[0].host == deed->hostile->host];
}

/* Other bytes: for what they have already acknowledged (they must not care), or for what they may not have yet. */
static void contradict(struct hostile_deed *deed) {
    struct hostile_flow *flow = deed->flow;
    uint8_t bytes[HOSTILE_PACKET];
    struct la_segment s = deed->s;
    bool late = flow->last_len && sim_percent(random_of(deed), 50);
    if (late && hostile_after(flow->last_seq + (uint32_t)flow->last_len, flow->heard)) return;
    const uint8_t *from = late ? flow->last : s.data;
    if (late) {
        s.seq = flow->last_seq;
        s.len = flow->last_len;
    }
    if (s.len == 0) return;
    for (size_t i = 0; i < s.len; i++) bytes[i] = from[i] ^ (late ? SIM_FAKE_LATE : SIM_FAKE);
    s.flags &= (uint16_t)~LA_FIN;
    s.data = bytes;
    if (!late) reader_of(deed)->tainted = true;
    hostile_invent(deed, &s);
}

static void send_beyond(struct hostile_deed *deed) {
    uint8_t bytes[100];
    struct la_segment s = bare(deed);
    memset(bytes, 0xee, sizeof bytes);
    s.seq = deed->flow->sent + FAR + below(deed, FAR);
    s.data = bytes;
    s.len = 1 + below(deed, sizeof bytes);
    if (sim_percent(random_of(deed), 20)) s.flags |= LA_FIN;
    hostile_invent(deed, &s);
}

/* --- Resets and SYNs that do not count --- */

/* Where our stream will have ended: no byte of ours will ever be behind. */
static uint32_t stream_end(const struct hostile_deed *deed) {
    const struct sim_end *reader = reader_of(deed);
    return deed->flow->our_iss + 1 + (uint32_t)reader->peer->plan.total + 1;
}

/* Behind them, far before them, and in the window: never at the one place where it would be right, not even later. */
static void reset_beside(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    s.flags = sim_percent(random_of(deed), 50) ? LA_RST : LA_RST | LA_ACK;
    switch (below(deed, 3)) {
    case 0: s.seq = deed->flow->heard - 1 - below(deed, 100); break;
    case 1: s.seq = deed->flow->sent + FAR + below(deed, FAR); break;
    default: s.seq = stream_end(deed) + 1 + below(deed, 1000); break;
    }
    hostile_invent(deed, &s);
}

static void begin_again(struct hostile_deed *deed) {
    struct la_segment s = bare(deed);
    s.flags = sim_percent(random_of(deed), 50) ? LA_SYN | LA_ACK : LA_SYN;
    s.seq = deed->flow->heard + below(deed, 20000) - 10000;
    s.mss = 1460;
    s.nsack = 0;
    hostile_invent(deed, &s);
}

/* --- The table --- */

enum sort {
    ON_SYN,  /* Chosen once (hostile_choose). */
    ON_ALL,  /* Each segment beyond the handshake … */
    ON_DATA, /* … with data, with the host's probability … */
    ALWAYS,  /* … or each, because the trick has times of its own. */
};

static void offer_tiny_mss(struct hostile_deed *deed) { deed->flow->told_mss = (uint16_t)(1 + below(deed, 300)); }

/* Up to beyond the 14 that RFC 7323 allows. */
static void scale_oddly(struct hostile_deed *deed) {
    if (deed->flow->our_shift >= 0) deed->flow->told_shift = (int8_t)below(deed, 18);
}

static const struct trick {
    const char *name;
    enum sort sort;
    bool changes; /* The segment itself. */
    void (*play)(struct hostile_deed *deed);
} tricks[] = {
    {"tiny MSS", ON_SYN, true, offer_tiny_mss},
    {"odd window scale", ON_SYN, true, scale_oddly},
    {"shrinks its window", ON_ALL, true, shrink_window},
    {"closes its window", ALWAYS, true, close_window},
    {"turns its clock back", ON_ALL, true, turn_clock_back},
    {"pushes its clock", ON_ALL, true, push_clock},
    {"echoes wrong timestamps", ON_ALL, true, echo_wrongly},
    {"echoes congestion for ever", ON_ALL, true, echo_congestion},
    {"reneges", ALWAYS, false, tell_lies},
    {"divides ACKs", ON_ALL, false, divide_acks},
    {"repeats ACKs", ON_ALL, false, repeat_acks},
    {"ACKs the future", ON_ALL, false, ack_the_future},
    {"ACKs early", ON_ALL, false, ack_early},
    {"ACKs the past", ON_ALL, false, ack_the_past},
    {"SACKs single bytes", ON_ALL, false, sack_bytes},
    {"SACKs the future", ON_ALL, false, sack_the_future},
    {"SACKs nonsense", ON_ALL, false, sack_nonsense},
    {"SACKs twice", ON_ALL, false, sack_twice},
    {"overlaps", ON_DATA, false, overlap},
    {"sends islands", ON_DATA, false, send_islands},
    {"contradicts itself", ON_DATA, false, contradict},
    {"sends beyond the window", ON_ALL, false, send_beyond},
    {"resets beside the mark", ON_ALL, false, reset_beside},
    {"begins again", ON_ALL, false, begin_again},
};

enum { TRICKS = sizeof tricks / sizeof *tricks };

uint32_t hostile_some_tricks(struct sim_random *random) {
    uint32_t set = (uint32_t)1 << sim_below(random, TRICKS);
    unsigned more = 15 * (unsigned)sim_below(random, 4);
    for (unsigned i = 0; i < TRICKS; i++)
        if (sim_percent(random, more)) set |= (uint32_t)1 << i;
    return set;
}

static bool chosen(const struct sim_hostile *hostile, unsigned i) { return hostile->tricks >> i & 1; }

static bool plays(const struct sim_hostile *hostile, void (*play)(struct hostile_deed *deed)) {
    for (unsigned i = 0; i < TRICKS; i++)
        if (tricks[i].play == play) return chosen(hostile, i);
    return false;
}

void hostile_choose(struct hostile_deed *deed) {
    for (unsigned i = 0; i < TRICKS; i++)
        if (tricks[i].sort == ON_SYN && chosen(deed->hostile, i)) tricks[i].play(deed);
}

static bool plays_on(struct hostile_deed *deed, const struct trick *trick) {
    if (trick->sort == ALWAYS) return true;
    if (trick->sort == ON_SYN || (trick->sort == ON_DATA && deed->s.len == 0)) return false;
    return sim_ppm(random_of(deed), deed->hostile->ppm);
}

/* The next overlap and the next contradiction are about this. */
static void remember(struct hostile_flow *flow, const struct la_segment *s) {
    if (s->len == 0 || s->len > sizeof flow->last) return;
    flow->last_seq = s->seq;
    flow->last_len = s->len;
    memcpy(flow->last, s->data, s->len);
}

void hostile_play(struct hostile_deed *deed) {
    if (!(deed->s.flags & LA_ACK)) return;
    for (unsigned i = 0; i < TRICKS; i++) {
        if (!chosen(deed->hostile, i) || !plays_on(deed, &tricks[i])) continue;
        tricks[i].play(deed);
        deed->changed |= tricks[i].changes;
    }
    remember(deed->flow, &deed->s);
}

void hostile_describe(uint32_t set, char *text, size_t size) {
    size_t at = 0;
    *text = '\0';
    for (unsigned i = 0; i < TRICKS; i++) {
        if (!(set >> i & 1) || at >= size) continue;
        int n = snprintf(text + at, size - at, "%s%s", at ? ", " : "", tricks[i].name);
        at += n > 0 ? (size_t)n : 0;
    }
}
