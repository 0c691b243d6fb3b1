/* Snapshots as documents: any bytes are a snapshot or are refused with a reason. What was read is written, and read
 * again as the same document. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/snap_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static bool reads(const char *text, size_t len, struct snap **snap) {
    char why[200] = "";
    *snap = snap_new();
    MUST(*snap);
    bool good = snap_json_read(text, len, *snap, why, sizeof why);
    MUST(good || why[0]);
    return good;
}

static char *write(const struct snap *snap) {
    struct say out = {0};
    MUST(snap_json_write(snap, NULL, &out));
    char *text = say_take(&out);
    MUST(text);
    return text;
}

/* What the rules and listings rely on. */
static void check(const struct snap *snap) {
    MUST(snap->nnetns > 0 && snap->source);
    for (uint32_t i = 0; i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        MUST(conn->netns < snap->nnetns && conn->state < LA_NSTATES && conn->age.least <= conn->age.most);
        MUST(conn->nmoves <= snap->nmoves && conn->first_move <= snap->nmoves - conn->nmoves);
        MUST(conn->nowners <= snap->nowners && (!conn->nowners || conn->first_owner <= snap->nowners - conn->nowners));
        MUST(conn->pair == SNAP_NONE || conn->pair < snap->nconns);
        MUST(conn->former == SNAP_NONE || conn->former < snap->nprocs);
    }
    for (uint32_t i = 0; i < snap->nowners; i++)
        MUST(snap->owners[i].conn < snap->nconns && snap->owners[i].proc < snap->nprocs);
    for (uint32_t i = 0; i < snap->nprocs; i++) MUST(snap->procs[i].program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct snap *first, *second;
    if (reads((const char *)data, size, &first)) {
        check(first);
        char *once = write(first);
        MUST(reads(once, strlen(once), &second));
        check(second);
        MUST(second->nconns == first->nconns && second->nowners == first->nowners && second->nmoves == first->nmoves);
        char *twice = write(second);
        MUST(strlen(once) == strlen(twice));
        free(once);
        free(twice);
        snap_free(second);
    }
    snap_free(first);
    return 0;
}
