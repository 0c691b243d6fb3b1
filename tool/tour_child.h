/* The child processes of a transfer: curl, and the program at the other end of its pipe that makes or checks the body.
 */
#ifndef TOOL_TOUR_CHILD_H
#define TOOL_TOUR_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A pipe that is read to its end, the beginning of it kept. */
struct inlet {
    int fd; /* -1: at its end. */
    char text[512];
    unsigned len;
};

enum inlet_name { FROM_HELPER, FROM_CURL, CURL_ERRORS, NINLETS };

struct children {
    pid_t curl, helper;
    struct inlet in[NINLETS];
};

/* Starts curl on `url`: a download into a helper that sums, or an upload of `bytes` of the pattern from a helper that
 * makes them. The helper says "BYTES CHECKSUM\n"; FROM_CURL is what an upload is answered. False with errno. */
bool children_start(struct children *children, const char *url, bool upload, uint64_t bytes);

/* Reads what is there. False when all pipes are at their end: both have ended, or soon will. */
bool children_read(struct children *children);

/* Ends both (kills them if `now`), and returns whether both succeeded. */
bool children_end(struct children *children, bool now);

#endif
