/* Every state x every kind of segment x every place relative to the receive window, as one literal table.
 *
 * Comes in: the tables below, one row per kind of segment and acknowledgment number, five cells per row: the segment's
 * sequence number left of the window (RCV.NXT - 1), at its edge (RCV.NXT), inside, at the last acceptable byte, and
 * right of it (RCV.NXT + RCV.WND). A cell says what must come back, the state afterwards, and the drop that must be
 * counted. Every cell is played on a fresh stack, under every profile. All cells that fail are printed before the test
 * fails.
 *
 * The expectations are derived from RFC 9293, 3.10.7, with RFC 5961 (an RST ends a connection only at RCV.NXT, a SYN
 * never does), RFC 1122, 4.2.2.13 and RFC 1337 for TIME_WAIT. Where these leave a choice the cell says MAY. */
#include "support/rig.h"

#include <stdio.h>
#include <string.h>

enum place { LEFT, EDGE, INSIDE, LAST, RIGHT, NPLACES };

enum reply {
    NOTHING,
    ACK_SAME,    /* <SEQ=SND.NXT><ACK=RCV.NXT>: nothing was taken. */
    ACK_NEW,     /* <SEQ=SND.NXT><ACK=SEG.SEQ+SEG.LEN>, at once or by the delayed-ACK timer. */
    MAY_ACK,     /* NOTHING or ACK_SAME. */
    RST_AT_ACK,  /* <SEQ=SEG.ACK><CTL=RST> */
    RST_AND_ACK, /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
    SYN_ACK,     /* <SEQ=any><ACK=SEG.SEQ+1><CTL=SYN,ACK> */
    ACK_OR_SYN_ACK,
    FIN_AGAIN, /* <SEQ=SND.UNA><ACK=RCV.NXT><CTL=FIN,ACK> */
    RST_NOW,   /* <SEQ=SND.NXT or SEG.ACK><CTL=RST>, with or without ACK. */
};

enum { SAME = -1, ANY = -1 };

/* What the window field can tell without a scale, and whole segments: then what fits into the buffer
 * is what was advertised, under every rule for windows. */
enum { RCVBUF = 40 * 1460 };

struct cell {
    enum reply reply;
    int after; /* enum la_state or SAME */
    int drop;  /* enum la_drop or ANY */
};

struct row {
    uint16_t flags;
    uint8_t len; /* Payload. */
    uint8_t ack; /* L(ack) */
    struct cell at[NPLACES];
};

/* clang-format off */
/* Cells by name. */
#define TAKEN {NOTHING, SAME, LA_D_NONE}
#define OLD {ACK_SAME, SAME, LA_D_SEQ_OLD}
#define BEYOND {ACK_SAME, SAME, LA_D_SEQ_BEYOND}
#define KEPT {ACK_SAME, SAME, LA_D_NONE} /* Beyond a gap: kept, and the gap is told. */
#define ACKED {ACK_NEW, SAME, LA_D_NONE}
#define SYN_CHAL {ACK_SAME, SAME, LA_D_SYN_CHALLENGE}
#define RST_CHAL {ACK_SAME, SAME, LA_D_RST_CHALLENGE}
#define RST_OUT {NOTHING, SAME, LA_D_RST_BEYOND}
#define DIES {NOTHING, LA_CLOSED, ANY}
#define PAST_FIN {MAY_ACK, SAME, LA_D_DATA_AFTER_FIN} /* Data after the peer's own FIN is ignored. */
#define AFTER_FIN {MAY_ACK, SAME, ANY}                /* So is another FIN; RCV.NXT stays. */
#define TO(s) {NOTHING, LA_##s, LA_D_NONE}
#define ACK_TO(s) {ACK_NEW, LA_##s, LA_D_NONE}
#define KEPT_TO(s) {ACK_SAME, LA_##s, LA_D_NONE}
#define REFUSED {RST_NOW, LA_CLOSED, LA_D_DATA_AFTER_CLOSE}
#define OPENS {SYN_ACK, LA_SYN_RCVD, LA_D_NONE}
#define STAYS(reply, drop) {reply, SAME, LA_D_##drop}
#define ALL(c) {c, c, c, c, c}

/* What all synchronized states share: SYN and RST. */
#define SYN_AND_RST(a)                                                                                                 \
    {SYN, 0, a, {OLD, SYN_CHAL, SYN_CHAL, SYN_CHAL, BEYOND}},                                                          \
    {SYN | ACK, 0, a, {OLD, SYN_CHAL, SYN_CHAL, SYN_CHAL, BEYOND}},                                                    \
    {RST, 0, a, {RST_OUT, DIES, RST_CHAL, RST_CHAL, RST_OUT}},                                                         \
    {RST | ACK, 0, a, {RST_OUT, DIES, RST_CHAL, RST_CHAL, RST_OUT}}
#define END {0, 0, 0, ALL(TAKEN)}

static const struct row closed_rows[] = {
    {SYN, 0, 1, ALL(STAYS(RST_AND_ACK, TCP_NO_CONN))},
    {SYN | ACK, 0, 1, ALL(STAYS(RST_AT_ACK, TCP_NO_CONN))},
    {ACK, 0, 1, ALL(STAYS(RST_AT_ACK, TCP_NO_CONN))},
    {FIN | ACK, 0, 1, ALL(STAYS(RST_AT_ACK, TCP_NO_CONN))},
    {FIN, 0, 1, ALL(STAYS(RST_AND_ACK, TCP_NO_CONN))},
    {RST, 0, 1, ALL(STAYS(NOTHING, TCP_NO_CONN_RST))},
    {RST | ACK, 0, 1, ALL(STAYS(NOTHING, TCP_NO_CONN_RST))},
    {ACK, 1, 1, ALL(STAYS(RST_AT_ACK, TCP_NO_CONN))},
    {PSH, 1, 1, ALL(STAYS(RST_AND_ACK, TCP_NO_CONN))},
    END,
};

static const struct row listen_rows[] = {
    {SYN, 0, 1, ALL(OPENS)},
    {SYN | ACK, 0, 1, ALL(STAYS(RST_AT_ACK, LISTEN_ACK))},
    {ACK, 0, 1, ALL(STAYS(RST_AT_ACK, LISTEN_ACK))},
    {FIN | ACK, 0, 1, ALL(STAYS(RST_AT_ACK, LISTEN_ACK))},
    {FIN, 0, 1, ALL(STAYS(NOTHING, LISTEN_NO_SYN))},
    {RST, 0, 1, ALL(STAYS(NOTHING, LISTEN_RST))},
    {RST | ACK, 0, 1, ALL(STAYS(NOTHING, LISTEN_RST))},
    {ACK, 1, 1, ALL(STAYS(RST_AT_ACK, LISTEN_ACK))},
    END,
};

/* There is no window yet: what counts is the acknowledgment number. L(0) acknowledges nothing, L(1) our SYN, L(2) what
 * was never sent. */
static const struct row syn_sent_rows[] = {
    {SYN, 0, 0, ALL(OPENS)},
    {SYN | ACK, 0, 0, ALL(STAYS(RST_AT_ACK, SYN_SENT_ACK))},
    {SYN | ACK, 0, 1, ALL(ACK_TO(ESTABLISHED))},
    {SYN | ACK, 0, 2, ALL(STAYS(RST_AT_ACK, SYN_SENT_ACK))},
    {ACK, 0, 0, ALL(STAYS(RST_AT_ACK, SYN_SENT_ACK))},
    {ACK, 0, 1, ALL(STAYS(NOTHING, SYN_SENT_NO_SYN))},
    {ACK, 0, 2, ALL(STAYS(RST_AT_ACK, SYN_SENT_ACK))},
    {FIN | ACK, 0, 1, ALL(STAYS(NOTHING, SYN_SENT_NO_SYN))},
    {FIN | ACK, 0, 2, ALL(STAYS(RST_AT_ACK, SYN_SENT_ACK))},
    {RST, 0, 1, ALL(STAYS(NOTHING, SYN_SENT_RST))},
    {RST | ACK, 0, 0, ALL(STAYS(NOTHING, SYN_SENT_RST))},
    {RST | ACK, 0, 1, ALL(DIES)},
    {RST | ACK, 0, 2, ALL(STAYS(NOTHING, SYN_SENT_RST))},
    {ACK, 1, 1, ALL(STAYS(NOTHING, SYN_SENT_NO_SYN))},
    {ACK, 1, 2, ALL(STAYS(RST_AT_ACK, SYN_SENT_ACK))},
    END,
};

/* After a passive open. A SYN at its old place is the client's retransmission, which gets the SYN+ACK once more. A SYN
 * in the window would by RFC 9293 (fourth) return the connection to LISTEN, which lets anybody end a handshake; it is
 * challenged as RFC 5961 does it in the later states, and a client that has restarted answers with the RST that ends
 * it. */
#define BAD_ACK {RST_AT_ACK, SAME, LA_D_ACK_FUTURE}
static const struct row syn_rcvd_rows[] = {
    {SYN, 0, 1, {{SYN_ACK, SAME, ANY}, SYN_CHAL, SYN_CHAL, SYN_CHAL, {ACK_SAME, SAME, ANY}}},
    {SYN | ACK, 0, 1, {{ACK_SAME, SAME, ANY}, SYN_CHAL, SYN_CHAL, SYN_CHAL, {ACK_SAME, SAME, ANY}}},
    {ACK, 0, 0, {OLD, BAD_ACK, BAD_ACK, BAD_ACK, BEYOND}},
    {ACK, 0, 1, {OLD, TO(ESTABLISHED), TO(ESTABLISHED), TO(ESTABLISHED), BEYOND}},
    {ACK, 0, 2, {OLD, BAD_ACK, BAD_ACK, BAD_ACK, BEYOND}},
    {FIN | ACK, 0, 1, {OLD, ACK_TO(CLOSE_WAIT), KEPT_TO(ESTABLISHED), KEPT_TO(ESTABLISHED), BEYOND}},
    {RST, 0, 1, {RST_OUT, DIES, RST_CHAL, RST_CHAL, RST_OUT}},
    {RST | ACK, 0, 1, {RST_OUT, DIES, RST_CHAL, RST_CHAL, RST_OUT}},
    {ACK, 1, 1, {OLD, ACK_TO(ESTABLISHED), KEPT_TO(ESTABLISHED), KEPT_TO(ESTABLISHED), BEYOND}},
    END,
};

/* After a simultaneous open. The peer's SYN+ACK at its SYN's place completes it (RFC 9293, figure 7). */
static const struct row syn_rcvd_active_rows[] = {
    {SYN, 0, 1, {{ACK_OR_SYN_ACK, SAME, ANY}, SYN_CHAL, SYN_CHAL, SYN_CHAL, {ACK_SAME, SAME, ANY}}},
    {SYN | ACK, 0, 1, {{MAY_ACK, LA_ESTABLISHED, ANY}, SYN_CHAL, SYN_CHAL, SYN_CHAL, {ACK_SAME, SAME, ANY}}},
    {ACK, 0, 1, {OLD, TO(ESTABLISHED), TO(ESTABLISHED), TO(ESTABLISHED), BEYOND}},
    {FIN | ACK, 0, 1, {OLD, ACK_TO(CLOSE_WAIT), KEPT_TO(ESTABLISHED), KEPT_TO(ESTABLISHED), BEYOND}},
    {RST, 0, 1, {RST_OUT, DIES, RST_CHAL, RST_CHAL, RST_OUT}},
    {RST | ACK, 0, 1, {RST_OUT, DIES, RST_CHAL, RST_CHAL, RST_OUT}},
    {ACK, 1, 1, {OLD, ACK_TO(ESTABLISHED), KEPT_TO(ESTABLISHED), KEPT_TO(ESTABLISHED), BEYOND}},
    END,
};

static const struct row established_rows[] = {
    SYN_AND_RST(1),
    {ACK, 0, 1, {OLD, TAKEN, TAKEN, TAKEN, BEYOND}},
    {ACK, 0, 2, {OLD, STAYS(ACK_SAME, ACK_FUTURE), STAYS(ACK_SAME, ACK_FUTURE), STAYS(ACK_SAME, ACK_FUTURE), BEYOND}},
    {FIN | ACK, 0, 1, {OLD, ACK_TO(CLOSE_WAIT), KEPT, KEPT, BEYOND}},
    {FIN, 0, 1, {OLD, STAYS(NOTHING, ACK_MISSING), STAYS(NOTHING, ACK_MISSING), STAYS(NOTHING, ACK_MISSING), BEYOND}},
    {ACK, 1, 1, {OLD, ACKED, KEPT, KEPT, BEYOND}},
    END,
};

static const struct row fin_wait_1_rows[] = {
    SYN_AND_RST(1),
    {ACK, 0, 1, {OLD, TAKEN, TAKEN, TAKEN, BEYOND}},
    {ACK, 0, 2, {OLD, TO(FIN_WAIT_2), TO(FIN_WAIT_2), TO(FIN_WAIT_2), BEYOND}},
    {FIN | ACK, 0, 1, {OLD, ACK_TO(CLOSING), KEPT, KEPT, BEYOND}},
    {FIN | ACK, 0, 2, {OLD, ACK_TO(TIME_WAIT), KEPT_TO(FIN_WAIT_2), KEPT_TO(FIN_WAIT_2), BEYOND}},
    {ACK, 1, 1, {OLD, ACKED, KEPT, KEPT, BEYOND}},
    {ACK, 1, 2, {OLD, ACK_TO(FIN_WAIT_2), KEPT_TO(FIN_WAIT_2), KEPT_TO(FIN_WAIT_2), BEYOND}},
    END,
};

/* The owner has closed both directions: new data is answered with RST (RFC 1122, 4.2.2.13). */
static const struct row fin_wait_1_orphan_rows[] = {
    SYN_AND_RST(1),
    {ACK, 0, 1, {OLD, TAKEN, TAKEN, TAKEN, BEYOND}},
    {ACK, 0, 2, {OLD, TO(FIN_WAIT_2), TO(FIN_WAIT_2), TO(FIN_WAIT_2), BEYOND}},
    {FIN | ACK, 0, 1, {OLD, ACK_TO(CLOSING), KEPT, KEPT, BEYOND}},
    {FIN | ACK, 0, 2, {OLD, ACK_TO(TIME_WAIT), KEPT_TO(FIN_WAIT_2), KEPT_TO(FIN_WAIT_2), BEYOND}},
    {ACK, 1, 1, {OLD, REFUSED, REFUSED, REFUSED, BEYOND}},
    END,
};

static const struct row fin_wait_2_rows[] = {
    SYN_AND_RST(2),
    {ACK, 0, 2, {OLD, TAKEN, TAKEN, TAKEN, BEYOND}},
    {FIN | ACK, 0, 2, {OLD, ACK_TO(TIME_WAIT), KEPT, KEPT, BEYOND}},
    {ACK, 1, 2, {OLD, ACKED, KEPT, KEPT, BEYOND}},
    END,
};

/* A record: its drops have TIME_WAIT's names, and it may leave the challenge of an RST away. */
#define REC_ACK {ACK_SAME, SAME, ANY}
#define REC_RST                                                                                                        \
    {                                                                                                                  \
        {NOTHING, SAME, ANY}, DIES, {MAY_ACK, SAME, ANY}, {MAY_ACK, SAME, ANY}, { NOTHING, SAME, ANY }                 \
    }
static const struct row fin_wait_2_orphan_rows[] = {
    {SYN, 0, 2, ALL(REC_ACK)},
    {SYN | ACK, 0, 2, ALL(REC_ACK)},
    {RST, 0, 2, REC_RST},
    {RST | ACK, 0, 2, REC_RST},
    {ACK, 0, 2, {REC_ACK, TAKEN, {MAY_ACK, SAME, ANY}, {MAY_ACK, SAME, ANY}, REC_ACK}},
    {FIN | ACK, 0, 2, {REC_ACK, ACK_TO(TIME_WAIT), AFTER_FIN, AFTER_FIN, REC_ACK}},
    {ACK, 1, 2, {REC_ACK, REFUSED, REFUSED, REFUSED, REC_ACK}},
    END,
};

static const struct row close_wait_rows[] = {
    SYN_AND_RST(1),
    {ACK, 0, 1, {OLD, TAKEN, TAKEN, TAKEN, BEYOND}},
    {FIN | ACK, 0, 1, {OLD, AFTER_FIN, AFTER_FIN, AFTER_FIN, BEYOND}},
    {ACK, 1, 1, {OLD, PAST_FIN, PAST_FIN, PAST_FIN, BEYOND}},
    END,
};

static const struct row closing_rows[] = {
    SYN_AND_RST(1),
    {ACK, 0, 1, {OLD, TAKEN, TAKEN, TAKEN, BEYOND}},
    {ACK, 0, 2, {OLD, TO(TIME_WAIT), TO(TIME_WAIT), TO(TIME_WAIT), BEYOND}},
    {FIN | ACK, 0, 1, {OLD, AFTER_FIN, AFTER_FIN, AFTER_FIN, BEYOND}},
    {ACK, 1, 1, {OLD, PAST_FIN, PAST_FIN, PAST_FIN, BEYOND}},
    END,
};

static const struct row last_ack_rows[] = {
    SYN_AND_RST(1),
    {ACK, 0, 1, {OLD, TAKEN, TAKEN, TAKEN, BEYOND}},
    {ACK, 0, 2, {OLD, DIES, DIES, DIES, BEYOND}},
    {FIN | ACK, 0, 1, {OLD, AFTER_FIN, AFTER_FIN, AFTER_FIN, BEYOND}},
    {ACK, 1, 1, {OLD, PAST_FIN, PAST_FIN, PAST_FIN, BEYOND}},
    END,
};

/* With a listener on the port, tcp_rfc1337 off. A SYN above the last sequence number begins a new incarnation (RFC
 * 1122, 4.2.2.13); RCV.NXT itself is one above the FIN, and systems differ whether that is enough. */
#define TW_ACK {ACK_SAME, SAME, ANY}
#define TW_MAY {MAY_ACK, SAME, ANY}
#define NEW_SYN {SYN_ACK, LA_SYN_RCVD, ANY}
static const struct row time_wait_rows[] = {
    {SYN, 0, 2, {{ACK_SAME, SAME, LA_D_TW_OLD}, {ACK_OR_SYN_ACK, SAME, ANY}, NEW_SYN, NEW_SYN, NEW_SYN}},
    {SYN | ACK, 0, 2, ALL(TW_ACK)},
    {ACK, 0, 2, {{ACK_SAME, SAME, LA_D_TW_OLD}, TW_MAY, TW_MAY, TW_MAY, {ACK_SAME, SAME, LA_D_TW_OLD}}},
    {FIN | ACK, 0, 2, {TW_ACK, TW_MAY, TW_MAY, TW_MAY, TW_ACK}},
    {RST, 0, 2, {{NOTHING, SAME, ANY}, DIES, TW_MAY, TW_MAY, {NOTHING, SAME, ANY}}},
    {RST | ACK, 0, 2, {{NOTHING, SAME, ANY}, DIES, TW_MAY, TW_MAY, {NOTHING, SAME, ANY}}},
    {ACK, 1, 2, {TW_ACK, TW_MAY, TW_MAY, TW_MAY, {ACK_SAME, SAME, LA_D_TW_OLD}}},
    END,
};

static const struct row time_wait_rfc1337_rows[] = {
    {RST, 0, 2, ALL(STAYS(NOTHING, TW_RST))},
    {RST | ACK, 0, 2, ALL(STAYS(NOTHING, TW_RST))},
    END,
};

/* clang-format on */

struct group {
    const char *name;
    enum la_state state;
    unsigned how;
    uint32_t rcv_nxt, snd_una, snd_nxt; /* R() and L() */
    const struct row *rows;
    bool rfc1337;
};

static const struct group groups[] = {
    {"CLOSED", LA_CLOSED, PASSIVE, 1, 1, 1, closed_rows, false},
    {"LISTEN", LA_LISTEN, PASSIVE, 1, 1, 1, listen_rows, false},
    {"SYN_SENT", LA_SYN_SENT, ACTIVE, 1, 0, 1, syn_sent_rows, false},
    {"SYN_RCVD (passive)", LA_SYN_RCVD, PASSIVE, 1, 0, 1, syn_rcvd_rows, false},
    {"SYN_RCVD (active)", LA_SYN_RCVD, ACTIVE, 1, 0, 1, syn_rcvd_active_rows, false},
    {"ESTABLISHED (passive)", LA_ESTABLISHED, PASSIVE, 1, 1, 1, established_rows, false},
    {"ESTABLISHED (active)", LA_ESTABLISHED, ACTIVE, 1, 1, 1, established_rows, false},
    {"FIN_WAIT_1", LA_FIN_WAIT_1, ACTIVE, 1, 1, 2, fin_wait_1_rows, false},
    {"FIN_WAIT_1 (orphan)", LA_FIN_WAIT_1, PASSIVE | ORPHAN, 1, 1, 2, fin_wait_1_orphan_rows, false},
    {"FIN_WAIT_2", LA_FIN_WAIT_2, PASSIVE, 1, 2, 2, fin_wait_2_rows, false},
    {"FIN_WAIT_2 (orphan)", LA_FIN_WAIT_2, ACTIVE | ORPHAN, 1, 2, 2, fin_wait_2_orphan_rows, false},
    {"CLOSE_WAIT", LA_CLOSE_WAIT, PASSIVE, 2, 1, 1, close_wait_rows, false},
    {"CLOSING", LA_CLOSING, ACTIVE, 2, 1, 2, closing_rows, false},
    {"CLOSING (orphan)", LA_CLOSING, PASSIVE | ORPHAN, 2, 1, 2, closing_rows, false},
    {"LAST_ACK", LA_LAST_ACK, ACTIVE, 2, 1, 2, last_ack_rows, false},
    {"LAST_ACK (orphan)", LA_LAST_ACK, PASSIVE | ORPHAN, 2, 1, 2, last_ack_rows, false},
    {"TIME_WAIT", LA_TIME_WAIT, PASSIVE | ORPHAN, 2, 2, 2, time_wait_rows, false},
    {"TIME_WAIT (owned)", LA_TIME_WAIT, PASSIVE, 2, 2, 2, time_wait_rows, false},
    {"TIME_WAIT (RFC 1337)", LA_TIME_WAIT, PASSIVE | ORPHAN, 2, 2, 2, time_wait_rfc1337_rows, true},
};

/* Cells in which a profile differs from the tables, for all kinds of segments with these flags and this length. */
static const struct {
    const char *profile;
    enum la_state state;
    uint16_t flags;
    uint8_t len;
    enum place place;
    struct cell cell;
} differences[] = {
    /* lastack.tcp_tw_syn: no SYN takes a tuple over in TIME_WAIT. */
    {"freebsd", LA_TIME_WAIT, SYN, 0, NPLACES, {ACK_SAME, SAME, LA_D_TW_OLD}},
    /* lastack.tcp_listen_synack_rst. */
    {"freebsd", LA_LISTEN, SYN | ACK, 0, NPLACES, {NOTHING, SAME, LA_D_LISTEN_ACK}},
};

static const char *const places[NPLACES] = {"left", "edge", "inside", "last", "right"};

/* BSD: while our FIN is unacknowledged, an ACK is the FIN again, unless it is a challenge, or tells of a gap. */
static bool fin_goes_again(const char *profile, const struct group *g, const struct row *r, const struct cell *cell) {
    if (strcmp(profile, "freebsd") != 0 || cell->reply != ACK_SAME || cell->after != SAME) return false;
    bool fin_out = g->state == LA_FIN_WAIT_1 || g->state == LA_CLOSING || g->state == LA_LAST_ACK;
    bool gap = r->len && cell->drop == LA_D_NONE;
    return fin_out && !gap && !(r->flags & (SYN | RST));
}

static struct cell expected(const char *profile, const struct group *g, const struct row *r, enum place p) {
    struct cell cell = r->at[p];
    for (unsigned i = 0; i < COUNT(differences); i++)
        if (strcmp(differences[i].profile, profile) == 0 && differences[i].state == g->state &&
            differences[i].flags == r->flags && differences[i].len == r->len &&
            (differences[i].place == p || differences[i].place == NPLACES))
            return differences[i].cell;
    if (fin_goes_again(profile, g, r, &cell)) cell.reply = FIN_AGAIN;
    return cell;
}

/* Whether `s` is this reply to a segment that ends at `end`. */
static bool is_reply(const struct group *g, const struct row *r, uint32_t end, enum reply want,
                     const struct la_segment *s) {
    unsigned flags = s->flags & ~(unsigned)PSH;
    bool same = flags == ACK && s->seq == L(g->snd_nxt) && s->ack == R(g->rcv_nxt) && s->len == 0;
    bool syn_ack = flags == (SYN | ACK) && s->ack == end;
    switch (want) {
    case ACK_SAME:
    case MAY_ACK: return same;
    case ACK_NEW: /* A FIN that is repeated meanwhile carries the ACK too. */
        if (flags == (FIN | ACK) && s->seq == L(g->snd_una) && g->snd_una != g->snd_nxt) return s->ack == end;
        return flags == ACK && s->seq == L(g->snd_nxt) && s->ack == end && s->len == 0;
    case RST_AT_ACK: return flags == RST && s->seq == L(r->ack);
    case RST_AND_ACK: return flags == (RST | ACK) && s->seq == 0 && s->ack == end;
    case SYN_ACK: return syn_ack;
    case ACK_OR_SYN_ACK: return same || syn_ack;
    case FIN_AGAIN: return flags == (FIN | ACK) && s->seq == L(g->snd_una) && s->ack == R(g->rcv_nxt);
    case RST_NOW: return (flags & ~(unsigned)ACK) == RST && (s->seq == L(g->snd_nxt) || s->seq == L(r->ack));
    default: return false;
    }
}

static bool reply_right(const struct group *g, const struct row *r, uint32_t end, enum reply want, char *text,
                        size_t size) {
    struct la_segment s;
    bool sent = tx_any(&s);
    for (unsigned i = 0; !sent && want == ACK_NEW && i < 60; i++) {
        advance(10);
        sent = tx_any(&s);
    }
    snprintf(text, size, "nothing");
    if (!sent) return want == NOTHING || want == MAY_ACK;
    struct la_segment relative = s;
    relative.seq -= rig.t->iss;
    relative.ack -= rig.t->irs;
    la_segment_text(&relative, text, size);
    return is_reply(g, r, end, want, &s) && !tx_any(&s);
}

static void enter(const char *profile, bool v6, const struct group *g) {
    rig_restart(profile);
    rig.t->v6 = v6;
    setting("net.ipv4.tcp_rfc1337", g->rfc1337);
    setting("net.inet.tcp.recvspace", RCVBUF);
    bring(g->state, g->how);
    if (g->state == LA_CLOSED) {
        rig.t->lport = 80;
        rig.t->iss_known = true;
    }
    if (g->state == LA_LISTEN) rig.t->iss_known = true; /* L() is any number; a SYN+ACK's is not looked at. */
}

static bool drop_right(int want) {
    uint64_t all = 0;
    for (int d = 0; d < LA_NDROPS; d++) all += la_dropped(rig.stack, (enum la_drop)d) - rig.dropped[d];
    if (want == ANY) return all <= 1;
    if (want == LA_D_NONE) return all == 0;
    return all == 1 && la_dropped(rig.stack, (enum la_drop)want) - rig.dropped[want] == 1;
}

static uint32_t place_seq(const struct group *g, enum place p) {
    uint32_t nxt = R(g->rcv_nxt), edge = rig.t->edge;
    if (g->state == LA_CLOSED || g->state == LA_LISTEN || g->state == LA_SYN_SENT) edge = nxt + 65535;
    assert_true(edge - nxt > 2000 && edge - nxt < 1u << 30);
    return p == LEFT ? nxt - 1 : p == EDGE ? nxt : p == INSIDE ? nxt + 1000 : p == LAST ? edge - 1 : edge;
}

static bool play(const char *profile, bool v6, const struct group *g, const struct row *r, enum place p) {
    struct cell want = expected(profile, g, r, p);
    enter(profile, v6, g);
    uint32_t at = place_seq(g, p);
    uint32_t end = at + r->len + ((r->flags & SYN) != 0) + ((r->flags & FIN) != 0);
    enum la_state before = rig_state(), after = want.after == SAME ? before : (enum la_state)want.after;
    rx(SEG(.seq = at, .ack = (r->flags & ACK) ? L(r->ack) : 0, .flags = r->flags, .len = r->len));
    char drops[256], sent[512], flags[32];
    snprintf(drops, sizeof drops, "%s", rig_drops_text());
    enum la_state is = rig_state();
    if (want.reply == ACK_OR_SYN_ACK && is == LA_SYN_RCVD) after = is;
    bool good = drop_right(want.drop);
    good = reply_right(g, r, end, want.reply, sent, sizeof sent) && good && is == after;
    if (good) return true;
    la_flags_text(r->flags, flags, sizeof flags);
    print_error("%s: %s x %s ack L(%u) len %u %s: is %s (want %s); sent %s (want %d); drops %s (want %s)\n", profile,
                g->name, flags, r->ack, r->len, places[p], la_state_name(is), la_state_name(after), sent,
                (int)want.reply, drops, want.drop == ANY ? "any" : la_drop_name((enum la_drop)want.drop));
    return false;
}

static void run(const char *profile, bool v6) {
    unsigned failures = 0;
    for (unsigned i = 0; i < COUNT(groups); i++)
        for (const struct row *r = groups[i].rows; r->flags; r++)
            for (int p = 0; p < NPLACES; p++) failures += !play(profile, v6, &groups[i], r, (enum place)p);
    assert_int_equal(failures, 0);
}

static void every_segment_in_every_state_linux(void **unused) {
    (void)unused;
    run("linux", false);
}

static void every_segment_in_every_state_freebsd(void **unused) {
    (void)unused;
    run("freebsd", false);
}

static void every_segment_in_every_state_rfc(void **unused) {
    (void)unused;
    run("rfc", false);
}

static void every_segment_in_every_state_over_ipv6(void **unused) {
    (void)unused;
    run("linux", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RIG_TEST(every_segment_in_every_state_linux),
        RIG_TEST(every_segment_in_every_state_freebsd),
        RIG_TEST(every_segment_in_every_state_rfc),
        RIG_TEST(every_segment_in_every_state_over_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
