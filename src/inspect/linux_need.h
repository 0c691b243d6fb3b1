/* What would let this process see what it was denied. */
#ifndef INSPECT_LINUX_NEED_H
#define INSPECT_LINUX_NEED_H

#include <stdbool.h>
#include <stdint.h>

enum linux_need {
    LINUX_NEED_EXAMINE, /* To read the descriptors and threads of any process. */
    LINUX_NEED_ENTER,   /* To enter any network namespace. */
    LINUX_NNEEDS,
};

/* A remark for snap_blind.need; NULL: this process has all privileges for it, so that no other would help. */
const char *linux_need(enum linux_need need);
/* The same for a user id, its effective capabilities, and whether it is within a user namespace. */
const char *linux_need_of(enum linux_need need, uint32_t uid, uint64_t capabilities, bool contained);

#endif
