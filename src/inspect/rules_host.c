#include "rules_host.h"

#include <string.h>

uint32_t host_next(const struct ask *ask, uint32_t netns, uint32_t after) {
    if (netns >= ask->snap->nnetns) return SNAP_NONE;
    return after == SNAP_NONE ? ask->netns_first[netns] : ask->netns_next[after];
}

bool host_selected(const struct ask *ask, uint32_t netns) {
    uint32_t i = SNAP_NONE;
    if (!ask->filter) return true;
    while ((i = host_next(ask, netns, i)) != SNAP_NONE)
        if (ask_selected(ask, &ask->snap->conns[i])) return true;
    return false;
}

bool host_speaks(const struct ask *ask, uint32_t netns) {
    uint32_t first = 0;
    while (first < ask->snap->nnetns && (!ask->snap->netns[first].facts || ask->snap->netns[first].stack)) first++;
    return first == netns;
}

uint32_t host_count(const struct ask *ask, uint32_t netns, enum la_state state) {
    uint32_t count = 0, i = SNAP_NONE;
    while ((i = host_next(ask, netns, i)) != SNAP_NONE) count += ask->snap->conns[i].state == state;
    return count;
}

void host_blame(const struct ask *ask, struct finding *finding, uint32_t conn) {
    const struct snap_conn *of = &ask->snap->conns[conn];
    if (!of->nowners) return;
    finding->proc = ask->snap->owners[of->first_owner].proc;
    finding->fd = ask->snap->owners[of->first_owner].fd;
}

void host_settle(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *conns = ask->snap->conns;
    if (!finding->nconns) return;
    uint32_t oldest = 0, first = finding->conns[0];
    for (uint32_t i = 1; i < finding->nconns; i++)
        if (conns[finding->conns[i]].age.least > conns[finding->conns[oldest]].age.least) oldest = i;
    finding->conns[0] = finding->conns[oldest];
    finding->conns[oldest] = first;
    finding->age = conns[finding->conns[0]].age;
}

const char *host_addr_text(const struct ask *ask, const struct la_addr *addr) {
    char text[LA_ADDR_TEXT];
    la_addr_format(addr, text, sizeof text);
    return snap_text(ask->snap, text);
}

unsigned host_percent(uint64_t part, uint64_t whole) {
    return whole ? (unsigned)((double)part * 100 / (double)whole) : 0;
}
