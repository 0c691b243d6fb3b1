/* From segments to a model of one connection, as the end that sends the data sees it.
 *
 * In: the segments of both directions, in time order. Out: struct plot, in which every segment knows what it is: new
 * data or data sent again, an ACK or a duplicate of one, a D-SACK. The end that sends more bytes is the one whose data
 * is drawn; of the other only its ACKs, SACK blocks and windows matter.
 *
 * Numbers: a direction's numbers count from its SYN, which has 0, or from the first segment of it that was seen, whose
 * first byte has 1. They do not wrap: each is the one nearest to the highest so far. Windows are scaled when both SYNs
 * were seen (RFC 7323, 2.2); otherwise their size is not known. */
#include "plot.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- Adding --- */

/* Room for one more element. False: refused. */
static bool grow(void **array, size_t *room, size_t used, size_t size) {
    if (used < *room) return true;
    size_t want = *room ? *room * 2 : 256;
    void *memory = realloc(*array, want * size);
    if (!memory) return false;
    *array = memory;
    *room = want;
    return true;
}

void plot_add(struct plot *plot, la_time at, const struct la_segment *wire, enum plot_fate fate) {
    void *array = plot->segment;
    if (plot->nsegments == PLOT_SEGMENTS_MAX ||
        !grow(&array, &plot->segment_room, plot->nsegments, sizeof *plot->segment)) {
        plot->failed = true;
        return;
    }
    plot->segment = array;
    plot->segment[plot->nsegments++] = (struct plot_segment){.at = at, .fate = fate, .wire = *wire};
}

void plot_window_add(struct plot *plot, la_time at, uint32_t cwnd, uint32_t ssthresh) {
    void *array = plot->window;
    if (!grow(&array, &plot->window_room, plot->nwindows, sizeof *plot->window)) {
        plot->failed = true;
        return;
    }
    plot->window = array;
    plot->window[plot->nwindows++] = (struct plot_window){at, cwnd, ssthresh};
}

/* Notes stay in order of time; of equal times, as they were added. */
static void note_add(struct plot *plot, struct plot_note note) {
    unsigned i = plot->nnotes;
    if (i == PLOT_NOTES_MAX) return;
    for (; i > 0 && plot->note[i - 1].at > note.at; i--) plot->note[i] = plot->note[i - 1];
    plot->note[i] = note;
    plot->nnotes++;
}

void plot_note_sent(struct plot *plot, la_time at, uint64_t seq, const char *text) {
    note_add(plot, (struct plot_note){at, seq, true, text});
}

void plot_note_received(struct plot *plot, la_time at, uint64_t seq, const char *text) {
    note_add(plot, (struct plot_note){at, seq, false, text});
}

void plot_free(struct plot *plot) {
    free(plot->segment);
    free(plot->window);
    *plot = (struct plot){0};
}

/* --- Numbers --- */

uint64_t plot_near(uint64_t reference, uint32_t n) {
    int64_t distance = (int32_t)(n - (uint32_t)reference);
    return distance < 0 && (uint64_t)-distance > reference ? 0 : reference + (uint64_t)distance;
}

/* One direction. */
struct side {
    bool known, syn;
    uint32_t base;    /* What counts as 0. */
    uint64_t highest; /* The highest number so far. */
    int8_t wscale;
};

static void side_learn(struct side *side, const struct la_segment *wire) {
    bool syn = wire->flags & LA_SYN;
    if (syn && !side->syn) *side = (struct side){.known = true, .syn = true, .base = wire->seq, .wscale = wire->wscale};
    if (side->known) return;
    *side = (struct side){.known = true, .base = wire->seq - 1, .wscale = -1};
}

/* A number of the direction; 0 when the direction has shown nothing yet. */
static uint64_t side_number(struct side *side, uint32_t n) {
    if (!side->known) return 0;
    uint64_t number = plot_near(side->highest, n - side->base);
    if (number > side->highest) side->highest = number;
    return number;
}

/* --- What each segment is --- */

bool plot_same_end(const struct la_endpoint *a, const struct la_endpoint *b) {
    return a->port == b->port && la_addr_equal(&a->addr, &b->addr);
}

/* The end that sends more bytes becomes plot->sender. False: there is no data. */
static bool find_sender(struct plot *plot) {
    uint64_t bytes[2] = {0, 0};
    const struct la_segment *first = &plot->segment[0].wire;
    for (size_t i = 0; i < plot->nsegments; i++) {
        const struct la_segment *wire = &plot->segment[i].wire;
        bytes[!plot_same_end(&wire->src, &first->src)] += wire->len;
    }
    bool other = bytes[1] > bytes[0];
    plot->sender = other ? first->dst : first->src;
    plot->receiver = other ? first->src : first->dst;
    return bytes[0] || bytes[1];
}

/* What is carried from one segment to the next. */
struct reading {
    struct side ours, theirs;
    uint64_t snd_max, una, edge;
    bool dsack; /* There was one: the first is noted, the others are only drawn. */
};

static void read_sent(struct reading *reading, struct plot_segment *segment) {
    struct la_segment *wire = &segment->wire;
    uint64_t length = wire->len + !!(wire->flags & LA_SYN) + !!(wire->flags & LA_FIN);
    segment->from = side_number(&reading->ours, wire->seq);
    segment->to = segment->from + length;
    segment->again = length && segment->from < reading->snd_max;
    if (segment->to > reading->snd_max) reading->snd_max = segment->to;
    wire->ack = (uint32_t)side_number(&reading->theirs, wire->ack);
    wire->seq = (uint32_t)segment->from;
}

/* RFC 2883, 4: the first block lies below the ACK, or within the second block. */
static bool is_dsack(const struct plot_segment *segment) {
    const struct la_sack_block *sack = segment->sack;
    if (!segment->wire.nsack) return false;
    uint64_t from = plot_near(segment->ack, sack[0].from), to = plot_near(segment->ack, sack[0].to);
    if (to <= segment->ack) return true;
    return segment->wire.nsack > 1 && from >= plot_near(segment->ack, sack[1].from) &&
           to <= plot_near(segment->ack, sack[1].to);
}

static void read_received(struct reading *reading, struct plot_segment *segment) {
    struct la_segment *wire = &segment->wire;
    bool syn = wire->flags & LA_SYN, scaled = reading->ours.wscale >= 0 && reading->theirs.wscale >= 0;
    if (!(wire->flags & LA_ACK)) return;
    segment->ack = side_number(&reading->ours, wire->ack);
    segment->edge = segment->ack + ((uint64_t)wire->wnd << (scaled && !syn ? reading->theirs.wscale : 0));
    segment->edge_known = syn || (reading->ours.syn && reading->theirs.syn);
    for (unsigned i = 0; i < wire->nsack && i < 4; i++) {
        segment->sack[i].from = wire->sack[i].from -= reading->ours.base;
        segment->sack[i].to = wire->sack[i].to -= reading->ours.base;
    }
    segment->dsack = is_dsack(segment);
    bool quiet = !wire->len && !(wire->flags & (LA_SYN | LA_FIN | LA_RST));
    segment->duplicate = quiet && segment->ack == reading->una && reading->una < reading->snd_max && !segment->dsack &&
                         (segment->edge == reading->edge || wire->nsack);
    if (segment->ack > reading->una) reading->una = segment->ack;
    reading->edge = segment->edge;
    wire->ack = (uint32_t)segment->ack;
    wire->seq = (uint32_t)side_number(&reading->theirs, wire->seq);
}

/* The lower of the first number sent and the first acknowledged is where a connection seen from its middle begins. */
static void learn_from_ack(struct side *ours, const struct la_segment *wire) {
    if (!ours->known && wire->flags & LA_ACK) *ours = (struct side){.known = true, .base = wire->ack - 1, .wscale = -1};
}

bool plot_finish(struct plot *plot) {
    struct reading reading = {0};
    if (!plot->nsegments || !find_sender(plot)) return false;
    la_time begin = plot->segment[0].at, latest = 0;
    for (size_t i = 0; i < plot->nsegments; i++) {
        struct plot_segment *segment = &plot->segment[i];
        segment->at = segment->at > begin ? segment->at - begin : 0;
        if (segment->at < latest) segment->at = latest; /* Some captures are not quite in order. */
        latest = segment->at;
        segment->wire.data = NULL;
        segment->sent = plot_same_end(&segment->wire.src, &plot->sender);
        side_learn(segment->sent ? &reading.ours : &reading.theirs, &segment->wire);
        if (!segment->sent) learn_from_ack(&reading.ours, &segment->wire);
        if (segment->sent && segment->wire.len > plot->mss) plot->mss = (uint32_t)segment->wire.len;
        if (segment->sent) {
            read_sent(&reading, segment);
            continue;
        }
        read_received(&reading, segment);
        if (segment->dsack && !reading.dsack)
            plot_note_received(plot, segment->at, plot_near(segment->ack, segment->sack[0].from),
                               "D-SACK: this had arrived before");
        reading.dsack |= segment->dsack;
    }
    return true;
}

/* --- Reading it --- */

void plot_cut(struct plot *plot, la_time from, la_time to) {
    size_t kept = 0;
    unsigned notes = 0;
    for (size_t i = 0; i < plot->nsegments; i++)
        if (plot->segment[i].at >= from && plot->segment[i].at <= to) plot->segment[kept++] = plot->segment[i];
    plot->nsegments = kept;
    for (unsigned i = 0; i < plot->nnotes; i++)
        if (plot->note[i].at >= from && plot->note[i].at <= to) plot->note[notes++] = plot->note[i];
    plot->nnotes = notes;
}

struct plot_counts plot_count(const struct plot *plot) {
    struct plot_counts counts = {0};
    for (size_t i = 0; i < plot->nsegments; i++) {
        const struct plot_segment *segment = &plot->segment[i];
        counts.sent += segment->to > segment->from;
        counts.again += segment->again;
        counts.delayed += segment->fate == PLOT_DELAYED && segment->to > segment->from;
        counts.lost += segment->fate == PLOT_LOST && segment->to > segment->from;
        counts.duplicates += segment->duplicate;
        counts.sacks += segment->wire.nsack && !segment->sent;
        counts.dsacks += segment->dsack;
    }
    return counts;
}

void plot_segment_text(struct say *out, const struct plot_segment *segment) {
    char text[256];
    struct la_segment wire = segment->wire;
    wire.has_ts = false; /* Long, and the picture says what time it is. */
    la_segment_text(&wire, text, sizeof text);
    const char *flags = strstr(text, " [");
    for (const char *next = flags; next && (next = strstr(next + 1, " ["));) flags = next; /* Behind an IPv6 address. */
    say(out, "%" PRIu64 ".%03u ms %s", segment->at / LA_MS, (unsigned)(segment->at % LA_MS / LA_US),
        flags ? flags + 1 : text);
}
