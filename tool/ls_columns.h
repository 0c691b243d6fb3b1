/* The listing of connections: which columns there are, and what each says. */
#ifndef TOOL_LS_COLUMNS_H
#define TOOL_LS_COLUMNS_H

#include "inspect/snap.h"
#include "look.h"

struct ls_show {
    bool headed;
    bool wide;   /* Every column, and nothing abbreviated. */
    bool owners; /* Owners were looked for. */
    bool netns;  /* Connections of several namespaces. */
};

/* Prints these connections (indexes), in this order. False: memory was refused. */
bool columns_print(const struct snap *snap, const uint32_t *conns, uint32_t n, const struct look *look,
                   const struct ls_show *show);

#endif
