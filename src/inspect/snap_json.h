/* A snapshot as a JSON document and back: doc/snapshot.schema.json describes it. What one program wrote, another reads:
 * `lastack ls --json` on one host, `lastack why --from FILE` on another; the control socket speaks it too. */
#ifndef INSPECT_SNAP_JSON_H
#define INSPECT_SNAP_JSON_H

#include "filter.h"
#include "say.h"
#include "snap.h"

#define SNAP_JSON_FORMAT "lastack snapshot 1"

/* The document, connections that the filter does not match left out. NULL filter: all. False: no memory. */
bool snap_json_write(const struct snap *snap, const struct filter *filter, struct say *out);

/* The same in pieces, as they come, for documents of any size. `put` returns whether it goes on. False: no memory, or
 * `put` returned false. */
bool snap_json_put(const struct snap *snap, const struct filter *filter,
                   bool (*put)(void *arg, const char *text, size_t len), void *arg);

/* Fills a fresh snapshot from a document and finishes it. False: it is none; `why` says where and what. Hostile input
 * is fine. */
bool snap_json_read(const char *text, size_t len, struct snap *snap, char *why, size_t size);

#endif
