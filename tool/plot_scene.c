#include "plot_scene.h"

#include <string.h>

const struct plot_scene plot_scenes[] = {
    {
        .name = "clean",
        .title = "Nothing is lost",
        .what = "The road delivers everything: slow start doubles what is under way each round trip.",
        .segments = 60,
    },
    {
        .name = "single-loss",
        .title = "One segment is lost",
        .what = "The road loses segment 12 once.",
        .segments = 44,
        .fault = {{ROAD_LOSE, .first = 12, .last = 12, .nth = 1}},
    },
    {
        .name = "tail-loss",
        .title = "The last segments are lost",
        .what = "The road loses the last 3 of 20 segments once: no later data can tell of them.",
        .segments = 20,
        .fault = {{ROAD_LOSE, .first = 18, .last = 20, .nth = 1}},
    },
    {
        .name = "burst",
        .title = "Many segments of one flight are lost",
        .what = "The road loses segments 14 to 19 and 22 to 24 once.",
        .segments = 60,
        .fault = {{ROAD_LOSE, .first = 14, .last = 19, .nth = 1}, {ROAD_LOSE, .first = 22, .last = 24, .nth = 1}},
    },
    {
        .name = "reordering",
        .title = "Segments are overtaken, none is lost",
        .what = "On the road, 2 segments overtake segment 5, then 7 overtake segment 24.",
        .segments = 60,
        .fault = {{ROAD_OVERTAKE, .first = 5, .last = 5, .nth = 1, .count = 2},
                  {ROAD_OVERTAKE, .first = 24, .last = 24, .nth = 1, .count = 7}},
    },
    {
        .name = "lost-retransmission",
        .title = "A retransmission is lost, too",
        .what = "The road loses segment 12 twice: the segment, and what repeats it.",
        .segments = 60,
        .fault = {{ROAD_LOSE, .first = 12, .last = 12, .nth = 1}, {ROAD_LOSE, .first = 12, .last = 12, .nth = 2}},
    },
    {
        .name = "spurious-rto",
        .title = "A timeout that was not needed",
        .what = "The road stands still for 600 ms when segment 14 comes; then it delivers everything.",
        .segments = 60,
        .fault = {{ROAD_FREEZE, .first = 14, .last = 14, .nth = 1, .by = 600 * LA_MS}},
    },
    {0},
};

const struct plot_scene *plot_scene_called(const char *name) {
    for (const struct plot_scene *scene = plot_scenes; scene->name; scene++)
        if (!strcmp(scene->name, name)) return scene;
    return NULL;
}
