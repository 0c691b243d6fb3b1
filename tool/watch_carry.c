#include "watch_carry.h"

#include "inspect/map.h"

#include <stdlib.h>

struct carry {
    const struct snap *from;
    struct snap *to;
    struct map conns; /* Of `from`, those with owners, by cookie. */
    uint32_t *proc;   /* For each process of `from` its index in `to`; SNAP_NONE: not yet there. */
};

static void map_owned(struct carry *carry) {
    for (uint32_t i = 0; i < carry->from->nconns; i++)
        if (carry->from->conns[i].nowners) map_put(&carry->conns, carry->from->conns[i].cookie, i);
}

static uint32_t carry_proc(struct carry *carry, uint32_t index) {
    if (carry->proc[index] != SNAP_NONE) return carry->proc[index];
    struct snap_proc *proc = snap_add_proc(carry->to);
    if (!proc) return SNAP_NONE;
    carry->proc[index] = carry->to->nprocs - 1;
    *proc = carry->from->procs[index];
    proc->program = snap_text(carry->to, proc->program);
    proc->command = snap_text(carry->to, proc->command);
    proc->unit = snap_text(carry->to, proc->unit);
    proc->container = snap_text(carry->to, proc->container);
    proc->nconns = proc->first_thread = proc->nthreads = 0;
    return carry->proc[index];
}

/* Owners lie in the order of their connections, which is the order in which this is called. */
static void carry_conn(struct carry *carry, const struct snap_conn *known, uint32_t index) {
    struct snap *to = carry->to;
    uint32_t first = to->nowners;
    for (uint32_t i = 0; i < known->nowners; i++) {
        const struct snap_owner *owner = &carry->from->owners[known->first_owner + i];
        uint32_t proc = carry_proc(carry, owner->proc);
        struct snap_owner *added = proc == SNAP_NONE ? NULL : snap_add_owner(to);
        if (!added) break;
        *added = (struct snap_owner){.conn = index, .proc = proc, .fd = owner->fd};
        if (!i || to->owners[to->nowners - 2].proc != proc) to->procs[proc].nconns++;
    }
    to->conns[index].first_owner = first;
    to->conns[index].nowners = to->nowners - first;
}

void carry_owners(const struct snap *from, struct snap *to) {
    struct carry carry = {.from = from, .to = to, .proc = malloc((from->nprocs + 1) * sizeof *carry.proc)};
    if (!carry.proc || to->nowners) {
        free(carry.proc);
        return;
    }
    for (uint32_t i = 0; i < from->nprocs; i++) carry.proc[i] = SNAP_NONE;
    map_owned(&carry);
    for (uint32_t i = 0; i < to->nconns; i++) {
        uint32_t known = to->conns[i].inode ? map_get(&carry.conns, to->conns[i].cookie) : MAP_NONE;
        if (known != MAP_NONE) carry_conn(&carry, &from->conns[known], i);
    }
    to->owners_known = from->owners_known;
    map_free(&carry.conns);
    free(carry.proc);
}
