/* Counts by state, program and peer over the last minute of polls, and how they change. track.h gives the rows out. */
#ifndef INSPECT_TRACK_ROWS_H
#define INSPECT_TRACK_ROWS_H

#include "track.h"

struct track_rows;

struct track_rows *track_rows_new(void); /* NULL: no memory. */
void track_rows_free(struct track_rows *rows);
void track_rows_poll(struct track_rows *rows, const struct snap *snap);
const struct track_row *track_rows_list(const struct track_rows *rows, bool by_peer, uint32_t *n);

#endif
