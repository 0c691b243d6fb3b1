/* The picture as data: one JSON document.
 *
 *   {"title", "subtitle", "sender", "receiver", "mss", "guessed",
 *    "segments": [{"at", "direction": "sent|received", "kind", "from", "to", "ack", "edge", "sack": [[from, to], …],
 *                  "dsack", "fate": "delayed|lost", "text"}],
 *    "notes": [{"at", "seq", "text"}], "windows": [{"at", "cwnd", "ssthresh"}]}
 *
 * Times are seconds since the first segment. What a segment does not have is left out. */
#include "inspect/say_json.h"
#include "plot.h"

#include <inttypes.h>

static void number(struct say *out, const char *name, uint64_t n) { say_json_raw(out, name, "%" PRIu64, n); }

static const char *kind(const struct plot_segment *segment) {
    if (segment->wire.flags & LA_RST) return "rst";
    if (segment->sent) return segment->again ? "again" : segment->to > segment->from ? "new" : "ack";
    return segment->duplicate ? "duplicate-ack" : "ack";
}

static void sack(struct say *out, const struct plot_segment *segment) {
    say_json_open(out, "sack", '[');
    for (unsigned i = 0; i < segment->wire.nsack && i < 4; i++) {
        say_json_open(out, NULL, '[');
        number(out, NULL, plot_near(segment->ack, segment->sack[i].from));
        number(out, NULL, plot_near(segment->ack, segment->sack[i].to));
        say_json_close(out, ']');
    }
    say_json_close(out, ']');
}

static void segment_json(struct say *out, const struct plot_segment *segment) {
    struct say text = {0};
    plot_segment_text(&text, segment);
    say_json_open_line(out, '{');
    say_json_seconds(out, "at", segment->at);
    say_json_text(out, "direction", segment->sent ? "sent" : "received");
    say_json_text(out, "kind", kind(segment));
    if (segment->sent) {
        number(out, "from", segment->from);
        number(out, "to", segment->to);
    } else if (segment->wire.flags & LA_ACK) {
        number(out, "ack", segment->ack);
        if (segment->edge_known) number(out, "edge", segment->edge);
    }
    if (!segment->sent && segment->wire.nsack) sack(out, segment);
    if (segment->dsack) say_json_bool(out, "dsack", true);
    if (segment->fate != PLOT_ARRIVES) say_json_text(out, "fate", segment->fate == PLOT_LOST ? "lost" : "delayed");
    say_json_text(out, "text", text.text);
    say_json_close(out, '}');
    out->failed |= text.failed;
    say_free(&text);
}

void plot_json(struct say *out, const struct plot *plot) {
    say_json_open(out, NULL, '{');
    say_json_text(out, "title", plot->title);
    say_json_text(out, "subtitle", plot->subtitle);
    say_json_place(out, "sender", &plot->sender);
    say_json_place(out, "receiver", &plot->receiver);
    number(out, "mss", plot->mss);
    say_json_bool(out, "guessed", plot->guessed);
    say_json_open(out, "segments", '[');
    for (size_t i = 0; i < plot->nsegments; i++) segment_json(out, &plot->segment[i]);
    say_json_close(out, ']');
    say_json_open(out, "notes", '[');
    for (unsigned i = 0; i < plot->nnotes; i++) {
        say_json_open_line(out, '{');
        say_json_seconds(out, "at", plot->note[i].at);
        number(out, "seq", plot->note[i].seq);
        say_json_text(out, "text", plot->note[i].text);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
    say_json_open(out, "windows", '[');
    for (size_t i = 0; i < plot->nwindows; i++) {
        say_json_open_line(out, '{');
        say_json_seconds(out, "at", plot->window[i].at);
        number(out, "cwnd", plot->window[i].cwnd);
        number(out, "ssthresh", plot->window[i].ssthresh);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
    say_json_close(out, '}');
    say(out, "\n");
}
