/* Small simulations to draw: two stacks, one transfer, a road on which scripted things happen. */
#ifndef TOOL_PLOT_SCENE_H
#define TOOL_PLOT_SCENE_H

#include "plot.h"
#include "plot_road.h"

struct plot_scene {
    const char *name;
    const char *title;
    const char *what;  /* What happens on the road, one sentence. */
    unsigned segments; /* Of data, in full segments. */
    struct road_fault fault[ROAD_FAULTS];
};

/* The scenes; one without a name is behind the last. */
extern const struct plot_scene plot_scenes[];

const struct plot_scene *plot_scene_called(const char *name); /* NULL: there is none. */

/* Plays a scene in virtual time and fills `plot`. Its packets, as the sender sees them, go to the file `pcap` unless
 * that is NULL. False with a sentence in `why`. */
bool plot_scene_play(const struct plot_scene *scene, const char *pcap, struct plot *plot, char *why, size_t size);

#endif
