/* The stacks of those that opened sockets, kept raw until somebody asks for one. Bounded in number and in rate: a host
 * with 50,000 new connections a second gets some of them. */
#ifndef INSPECT_LINUX_STACKS_H
#define INSPECT_LINUX_STACKS_H

#include "linux_perf.h"

#define STACKS_MAX 1920   /* At 8 KiB and a little each: 16 MiB. */
#define STACKS_RATE 200   /* Kept in a second. */
#define STACKS_BURST 512  /* Kept at once after a quiet time. */
#define STACKS_BYTES 8192 /* Of each stack. */

struct stacks;

struct stacks *stacks_new(void); /* NULL: no memory. */
void stacks_free(struct stacks *stacks);
/* Whether another stack may be kept at this time. Once the rate is exceeded, not before a rest. */
bool stacks_ready(struct stacks *stacks, la_time now);
/* Keeps a record's stack. When all places are taken, one of the others goes, by chance: so of what opens sockets over a
 * long time, something is there. 0: it was not kept. */
uint32_t stacks_keep(struct stacks *stacks, const struct perf_record *record);
/* As events_site and events_forget. */
char *stacks_text(struct stacks *stacks, uint32_t id);
void stacks_forget(struct stacks *stacks, uint32_t id);

#endif
