/* What connections can be sorted and grouped by. */
#ifndef TOOL_LS_KEYS_H
#define TOOL_LS_KEYS_H

#include "inspect/snap.h"

enum ls_key {
    KEY_PROGRAM,
    KEY_PID,
    KEY_USER,
    KEY_UNIT,
    KEY_CONTAINER,
    KEY_STATE,
    KEY_PEER,
    KEY_PEER_ADDR,
    KEY_PEER_PORT,
    KEY_LOCAL,
    KEY_LOCAL_PORT,
    KEY_NETNS,
    NGROUP_KEYS, /* Those before can be grouped by. */
    KEY_AGE = NGROUP_KEYS,
    KEY_RECV_Q,
    KEY_SEND_Q,
    KEY_TIMER,
    KEY_RTT,
    KEY_RETRANSMITS,
    KEY_BYTES,
    KEY_COOKIE,
    KEY_COUNT, /* Of a group. */
    NKEYS,
};

#define KEYS_MAX 8

struct ls_keys {
    unsigned n;
    enum ls_key key[KEYS_MAX];
    bool down[KEYS_MAX]; /* The greatest first. */
};

/* Reads "program,-age". `limit`: keys below it are allowed. False: `why` says what is wrong. */
bool keys_read(const char *list, enum ls_key limit, struct ls_keys *keys, char *why, size_t size);
bool keys_have(const struct ls_keys *keys, enum ls_key key);
/* The LINUX_* parts of a snapshot that they need. */
unsigned keys_parts(const struct ls_keys *keys);

const char *key_title(enum ls_key key); /* "PEER-ADDR" */
/* Negative, 0, positive. Unknown comes first. */
int key_compare(const struct snap *snap, enum ls_key key, const struct snap_conn *a, const struct snap_conn *b);
/* By all of them, in their order and direction. KEY_COUNT is left to who has counts. */
int keys_compare(const struct snap *snap, const struct ls_keys *keys, const struct snap_conn *a,
                 const struct snap_conn *b);
/* Connections that compare as equal by all keys have the same number. Never UINT64_MAX. */
uint64_t keys_hash(const struct snap *snap, const struct ls_keys *keys, const struct snap_conn *conn);
/* Puts indexes of connections in order; equal ones keep theirs. */
void keys_sort(const struct snap *snap, const struct ls_keys *keys, uint32_t *conns, uint32_t n);

#endif
