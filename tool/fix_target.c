#define _GNU_SOURCE
#include "fix_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* "10.0.0.1:80", "[::1]:80" */
static bool read_endpoint(const char *word, struct la_endpoint *endpoint) {
    char addr[LA_ADDR_TEXT];
    uint64_t port;
    bool bracketed = *word == '[';
    const char *end = bracketed ? strchr(word, ']') : strchr(word, ':');
    if (!end) return false;
    const char *from = word + bracketed, *rest = end + bracketed;
    size_t len = (size_t)(end - from);
    if (len >= sizeof addr || *rest++ != ':') return false;
    memcpy(addr, from, len);
    addr[len] = '\0';
    if (!la_addr_parse(addr, &endpoint->addr) || !fix_number(&rest, 10, UINT16_MAX, &port) || *rest) return false;
    endpoint->port = (uint16_t)port;
    return true;
}

int fix_target_read(int nwords, char **words, struct target *target) {
    *target = (struct target){.words = {words[0]}};
    if (read_cookie(words[0], target) || read_descriptor(words[0], target)) return 1;
    if (nwords < 2 || !read_endpoint(words[0], &target->local) || !read_endpoint(words[1], &target->peer)) return 0;
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

bool fix_target_is(const struct snap *snap, const struct snap_conn *conn, const struct target *target) {
    switch (target->kind) {
    case TARGET_COOKIE: return conn->cookie == target->cookie;
    case TARGET_DESCRIPTOR: return has_descriptor(snap, conn, target);
    default:
        return conn->local.port == target->local.port && conn->peer.port == target->peer.port &&
               la_addr_equal(&conn->local.addr, &target->local.addr) &&
               la_addr_equal(&conn->peer.addr, &target->peer.addr);
    }
}
