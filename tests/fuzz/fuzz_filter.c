/* Filters: any words parse or are refused with a sentence. What parsed can be asked, and a connection that matches is
 * in a state that the filter said can match. */
#include <stdlib.h>
#include <string.h>

#include "inspect/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static bool user(const char *name, uint32_t *uid) {
    *uid = 1000;
    return strcmp(name, "nobody") != 0;
}

/* Connections in every state, with and without owners. */
static struct snap *make_snap(void) {
    struct snap *snap = snap_new();
    if (!snap) return NULL;
    struct snap_proc *proc = snap_add_proc(snap);
    struct snap_netns *netns = snap_add_netns(snap);
    if (!proc || !netns) goto failed;
    *proc = (struct snap_proc){.pid = 17, .program = "nginx", .unit = "nginx.service", .container = "3fa1b2c3d4e5"};
    netns->setting[SNAP_S_PORT_LOW] = 32768;
    netns->setting[SNAP_S_PORT_HIGH] = 60999;
    for (unsigned state = 0; state < LA_NSTATES; state++) {
        struct snap_conn *conn = snap_add_conn(snap);
        struct snap_owner *owner = state % 2 ? snap_add_owner(snap) : NULL;
        if (!conn || (state % 2 && !owner)) goto failed;
        conn->state = (uint8_t)state;
        conn->cookie = conn->inode = state;
        conn->local = (struct la_endpoint){.addr = la_addr4(127, 0, 0, 1), .port = 443};
        conn->peer = (struct la_endpoint){.addr = {{0x20, 1, 0xd, 0xb8}}, .port = 40000};
        if (owner) *owner = (struct snap_owner){.conn = state, .proc = 0, .fd = (int32_t)state};
    }
    snap_finish(snap);
    return snap;
failed:
    snap_free(snap);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct snap *snap;
    char why[200] = "";
    if (!snap) snap = make_snap();
    char *text = malloc(size + 1);
    if (!text || !snap) {
        free(text);
        return 0;
    }
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    /* The first byte says how small the room for the sentence is. */
    size_t room = size > 0 && data[0] < sizeof why ? (size_t)data[0] + 1 : sizeof why;
    struct filter *filter = filter_parse_users(user, 1, &text, why, room);
    free(text);
    MUST(filter || room < 2 || why[0] != '\0');
    for (uint32_t i = 0; filter && i < snap->nconns; i++) {
        bool matches = filter_matches(filter, snap, &snap->conns[i]);
        MUST(!matches || (filter_states(filter) >> snap->conns[i].state & 1) != 0);
    }
    filter_free(filter);
    return 0;
}
