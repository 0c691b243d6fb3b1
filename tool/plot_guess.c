/* What a sender did, concluded from what it sent and heard: for captures, where nobody asked it.
 *
 * Data sent again soon after ACKs that tell of a gap (duplicates, SACK blocks) is a fast retransmit; only the first of
 * a recovery is noted. Data sent again after silence was sent by a timer: the last bytes, while older ones are missing
 * too, are a tail loss probe (RFC 8985, 7); the first missing bytes, a retransmission timeout (RFC 6298). Where the
 * first missing are the last, the two cannot be told apart, and the note says so. */
#include "plot.h"

#define SILENCE (10 * LA_MS) /* Less since the latest ACK, and it was this ACK that made it send. */

struct guess {
    struct plot *plot;
    uint64_t una, snd_max, recover;
    la_time heard;
    bool gap; /* ACKs since snd_una moved tell of one. */
    bool in_recovery;
};

static void heard(struct guess *guess, const struct plot_segment *segment) {
    guess->heard = segment->at;
    if (segment->ack > guess->una) {
        guess->una = segment->ack;
        guess->gap = false;
        if (guess->una >= guess->recover) guess->in_recovery = false;
    }
    if (segment->duplicate || (segment->wire.nsack && !segment->dsack)) guess->gap = true;
}

static const char *by_timer(const struct guess *guess, const struct plot_segment *segment) {
    bool first = segment->from <= guess->una, last = segment->to >= guess->snd_max;
    if (segment->wire.flags & LA_SYN) return "SYN timeout";
    if (first && last) return "timeout or tail loss probe";
    return last ? "tail loss probe" : "timeout";
}

static void sent_again(struct guess *guess, const struct plot_segment *segment) {
    bool silent = segment->at - guess->heard > SILENCE;
    const char *text = silent ? by_timer(guess, segment) : guess->gap ? "fast retransmit" : NULL;
    if (guess->in_recovery && !silent) return;
    if (text) plot_note_sent(guess->plot, segment->at, segment->from, text);
    guess->in_recovery = true;
    guess->recover = guess->snd_max;
    guess->heard = segment->at; /* What follows at once belongs to it. */
}

/* Whether this sends again what was sent again before, and the road lost that. */
static bool repeats(const struct plot *plot, size_t i) {
    const struct plot_segment *segment = &plot->segment[i];
    for (size_t j = 0; segment->again && j < i; j++) {
        const struct plot_segment *before = &plot->segment[j];
        if (before->again && before->fate == PLOT_LOST && before->from < segment->to && segment->from < before->to)
            return true;
    }
    return false;
}

static bool noted(const struct plot *plot, la_time at) {
    for (unsigned i = 0; i < plot->nnotes; i++)
        if (plot->note[i].of_sent && plot->note[i].at == at) return true;
    return false;
}

void plot_note_repeats(struct plot *plot) {
    for (size_t i = 0; i < plot->nsegments; i++) {
        const struct plot_segment *segment = &plot->segment[i];
        if (!repeats(plot, i)) continue;
        if (!noted(plot, segment->at)) plot_note_sent(plot, segment->at, segment->from, "sent once more");
        return;
    }
}

void plot_guess(struct plot *plot) {
    struct guess guess = {.plot = plot};
    for (size_t i = 0; i < plot->nsegments; i++) {
        const struct plot_segment *segment = &plot->segment[i];
        if (!segment->sent) {
            heard(&guess, segment);
            continue;
        }
        if (segment->again && segment->to > guess.una) sent_again(&guess, segment);
        if (segment->to > guess.snd_max) guess.snd_max = segment->to;
    }
    plot->guessed = true;
}
