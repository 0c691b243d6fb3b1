/* A filter as its parser makes it and its matcher walks it: for filter*.c alone. */
#ifndef INSPECT_FILTER_NODE_H
#define INSPECT_FILTER_NODE_H

#include "filter.h"

#define FILTER_ALL_STATES ((1u << LA_NSTATES) - 1)

enum filter_kind {
    FILTER_AND, /* Of the nodes that follow within its span. */
    FILTER_OR,
    FILTER_NOT, /* Of the node that follows. */
    FILTER_STATES,
    FILTER_AUTOBOUND,
    FILTER_SRC,
    FILTER_DST,
    FILTER_SPORT,
    FILTER_DPORT,
    FILTER_PID,
    FILTER_FD,
    FILTER_PROGRAM,
    FILTER_UNIT,
    FILTER_CONTAINER,
    FILTER_UID,
    FILTER_COOKIE,
    FILTER_INODE,
    FILTER_NETNS,
    FILTER_AGE,
    FILTER_RECV_QUEUE,
    FILTER_SEND_QUEUE,
    FILTER_BACKOFF,
};

enum filter_op { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE, FILTER_NOPS };

struct filter_host {
    struct la_addr addr;
    uint8_t bits;   /* How many of the address's 128 count. */
    uint8_t family; /* 4, 6, or 0: any. */
    int32_t port;   /* -1: any. */
};

struct filter_node {
    uint8_t kind;     /* enum filter_kind */
    uint8_t op;       /* enum filter_op */
    uint32_t span;    /* Nodes of this condition, itself included: the next one at its level is node + span. */
    uint64_t number;  /* A number, bytes, nanoseconds, states; FILTER_NETNS: the inode asked for, UINT64_MAX: none. */
    int32_t pid;      /* FILTER_FD: of this process; -1: of any. */
    uint32_t len;     /* Of text. */
    const char *text; /* A pattern; not terminated. */
    struct filter_host host;
};

/* The nodes in the order of a walk from the root, each condition before its parts, and the text they point into: one
 * allocation. No nodes: everything matches. */
struct filter {
    uint32_t states;
    unsigned parts;
    uint32_t n;
    struct filter_node node[];
};

/* --- Values (filter_value.c). Each returns NULL, or what was expected. --- */

const char *filter_value_port(const char *text, size_t len, uint64_t *port);
const char *filter_value_host(const char *text, size_t len, struct filter_host *host);
const char *filter_value_number(const char *text, size_t len, uint64_t *number);
const char *filter_value_cookie(const char *text, size_t len, uint64_t *cookie);
const char *filter_value_time(const char *text, size_t len, uint64_t *time);
const char *filter_value_bytes(const char *text, size_t len, uint64_t *bytes);
/* One state or a group of them ("connected") to bits; 0: it is no name. */
uint32_t filter_value_states(const char *name, size_t len);
/* Whether two words are the same but for case, '-' being '_'. */
bool filter_same_word(const char *text, size_t len, const char *word);

#endif
