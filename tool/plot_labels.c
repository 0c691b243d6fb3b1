/* Notes: a short text beside each event, and a line from it to what it speaks of.
 *
 * A label tries places around its event, near ones first, and takes the one where it lies over the least of what is
 * drawn already. Labels drawn before and their lines count most. */
#include "plot_canvas.h"

#include <stdlib.h>
#include <string.h>

#define LABELS_MAX 24 /* More cannot be read. */
#define LETTER 66     /* The width of one, about. */
#define LINE PX(15)
#define LINE_BOXES 8

static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }

static int64_t overlap(const struct canvas_box *a, const struct canvas_box *b) {
    int width = least(a->x + a->width, b->x + b->width) - most(a->x, b->x);
    int height = least(a->y + a->height, b->y + b->height) - most(a->y, b->y);
    return width > 0 && height > 0 ? (int64_t)width * height : 0;
}

/* How bad it is to lie here. */
static int64_t cost(const struct canvas *canvas, const struct canvas_box *place, unsigned labels_from) {
    const struct canvas_box *area = &canvas->area;
    int64_t sum = (int64_t)place->width * place->height - overlap(area, place);
    sum *= 1000;
    for (unsigned i = 0; i < canvas->nboxes; i++)
        sum += overlap(&canvas->box[i], place) * (i < labels_from ? 1 : 50) * 10;
    return sum;
}

/* Where a label's line ends. */
static int line_x(const struct canvas_box *place, int x) { return most(place->x, least(x, place->x + place->width)); }
static int line_y(const struct canvas_box *place, int y) { return y < place->y ? place->y : place->y + LINE; }

/* The line from an event to its label as boxes along it. */
static struct canvas_box line_box(const struct canvas_box *place, int x, int y, int i) {
    int dx = line_x(place, x) - x, dy = line_y(place, y) - y;
    return (struct canvas_box){x + dx * i / LINE_BOXES - PX(1), y + dy * i / LINE_BOXES - PX(1), PX(3), PX(3)};
}

/* The same for the line: it shall not cross labels, or lines of labels. */
static int64_t line_cost(const struct canvas *canvas, const struct canvas_box *place, int x, int y,
                         unsigned labels_from) {
    int64_t sum = 0;
    for (int i = 1; i <= LINE_BOXES; i++) {
        struct canvas_box box = line_box(place, x, y, i);
        for (unsigned j = labels_from; j < canvas->nboxes; j++) sum += overlap(&canvas->box[j], &box) * 500;
    }
    return sum;
}

/* The place for a label of this width whose event is at x, y. */
static struct canvas_box place_for(const struct canvas *canvas, int x, int y, int width, unsigned labels_from) {
    static const int away[] = {16, 28, 44, 64, 90, 120, 160, 210};
    struct canvas_box best = {0};
    int64_t best_cost = INT64_MAX;
    for (size_t i = 0; i < sizeof away / sizeof away[0]; i++)
        for (int side = 0; side < 6; side++) {
            int d = PX(away[i]), right = x + d, left = x - d - width, middle = x - width / 2;
            struct canvas_box place = {(int[]){right, right, left, left, middle, middle}[side],
                                       (side & 1 ? y - d : y + d) - LINE / 2, width, LINE};
            int64_t price = cost(canvas, &place, labels_from) + line_cost(canvas, &place, x, y, labels_from) +
                            (int64_t)away[i] * PX(30);
            if (price >= best_cost) continue;
            best_cost = price;
            best = place;
        }
    return best;
}

/* The sequence number that a note points at. */
static uint64_t target_of(const struct plot *plot, const struct plot_note *note) {
    const struct plot_segment *best = NULL;
    if (!note->of_sent) return note->seq;
    for (size_t i = 0; i < plot->nsegments; i++) {
        const struct plot_segment *segment = &plot->segment[i];
        if (segment->at != note->at || !segment->sent || segment->to == segment->from) continue;
        if (!best || (segment->again && !best->again)) best = segment;
    }
    return best ? best->from + (best->to - best->from) / 2 : note->seq;
}

static void label(struct canvas *canvas, const struct plot_note *note, unsigned labels_from) {
    int x = canvas_x(canvas, note->at), y = canvas_y(canvas, target_of(canvas->plot, note));
    int width = (int)strlen(note->text) * LETTER + PX(4);
    struct canvas_box place = place_for(canvas, x, y, width, labels_from);
    svg_line(canvas->out, "i", x, y, line_x(&place, x), line_y(&place, y), "");
    svg_text(canvas->out, "o", place.x + PX(2), place.y + PX(11), note->text);
    canvas_keep(canvas, place.x, place.y, place.width, place.height);
    for (int i = 2; i <= LINE_BOXES; i++) {
        struct canvas_box box = line_box(&place, x, y, i);
        canvas_keep(canvas, box.x, box.y, box.width, box.height);
    }
}

/* The same thing again at nearly the same place needs no second label. */
static bool repeats(const struct canvas *canvas, unsigned i) {
    const struct plot_note *note = canvas->plot->note;
    for (unsigned j = i; j > 0; j--)
        if (note[i].text == note[j - 1].text &&
            canvas_x(canvas, note[i].at) - canvas_x(canvas, note[j - 1].at) < PX(12))
            return true;
    return false;
}

void plot_labels(struct canvas *canvas) {
    unsigned labels_from = canvas->nboxes, drawn = 0;
    for (unsigned i = 0; i < canvas->plot->nnotes && drawn < LABELS_MAX; i++) {
        if (repeats(canvas, i)) continue;
        label(canvas, &canvas->plot->note[i], labels_from);
        drawn++;
    }
}
