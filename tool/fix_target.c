#define _GNU_SOURCE
#include "fix_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/control.h"

bool fix_number(const char **text, int base, uint64_t most, uint64_t *number) {
    char *end;
    bool starts = base == 16 ? strspn(*text, "0123456789abcdefABCDEF") > 0 : **text >= '0' && **text <= '9';
    errno = 0;
    unsigned long long n = starts ? strtoull(*text, &end, base) : 0;
    if (!starts || errno || n > most) return false;
    *text = end;
    *number = n;
    return true;
}

static bool read_cookie(const char *word, struct target *target) {
    if (strncmp(word, "sk:", 3) != 0) return false;
    word += 3;
    target->kind = TARGET_COOKIE;
    return fix_number(&word, 16, UINT64_MAX, &target->cookie) && !*word;
}

/* "pid:17/fd:3", "17/3" */
static bool read_descriptor(const char *word, struct target *target) {
    uint64_t pid, fd;
    bool named = !strncmp(word, "pid:", 4);
    if (named) word += 4;
    if (!fix_number(&word, 10, INT32_MAX, &pid) || *word++ != '/') return false;
    if (named && strncmp(word, "fd:", 3) != 0) return false;
    if (named) word += 3;
    if (!fix_number(&word, 10, INT32_MAX, &fd) || *word) return false;
    target->kind = TARGET_DESCRIPTOR;
    target->pid = (unsigned)pid;
    target->fd = (unsigned)fd;
    return true;
}

int fix_target_read(int nwords, char **words, struct target *target) {
    *target = (struct target){.words = {words[0]}};
    if (read_cookie(words[0], target) || read_descriptor(words[0], target)) return 1;
    if (nwords < 2 || !control_endpoint(words[0], &target->local) || !control_endpoint(words[1], &target->peer))
        return 0;
    target->kind = TARGET_ENDS;
    target->words[1] = words[1];
    return 2;
}

static bool has_descriptor(const struct snap *snap, const struct snap_conn *conn, const struct target *target) {
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[conn->first_owner + i];
        if (owner->proc >= snap->nprocs || owner->fd != (int32_t)target->fd) continue;
        if (snap->procs[owner->proc].pid == (int32_t)target->pid) return true;
    }
    return false;
}

/* A zone that is not named may be any. */
static bool is_endpoint(const struct la_endpoint *wanted, const struct la_endpoint *found) {
    return found->port == wanted->port && la_addr_equal(&found->addr, &wanted->addr) &&
           (!wanted->zone || found->zone == wanted->zone);
}

bool fix_target_is(const struct snap *snap, const struct snap_conn *conn, const struct target *target) {
    switch (target->kind) {
    case TARGET_COOKIE: return conn->cookie && conn->cookie == target->cookie;
    case TARGET_DESCRIPTOR: return has_descriptor(snap, conn, target);
    default: return is_endpoint(&target->local, &conn->local) && is_endpoint(&target->peer, &conn->peer);
    }
}
