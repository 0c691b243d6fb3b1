/* Which connections: the language of ss(8), with more words.
 *
 *     state close-wait           states as in ss: established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait,
 *     exclude listening          closed, close-wait, last-ack, listening, closing; groups all, connected, synchronized,
 *                                bucket, big; our own names (CLOSE_WAIT) too. Several add up.
 *     dst 10.0.0.0/8   src [2001:db8::1]:443   dport = :443   sport gt :1024   src :22
 *     pid = 17   fd = 3   program = nginx   unit = nginx.service   container = 3fa1   uid = 1000 (or a name)
 *     cookie = 1d7b0 (hex, as printed; ss's sk:1d7b0 too)   inode = 4711   netns = blue   age > 60s   recv-q > 0
 *     send-q >= 1MB   backoff > 3   autobound
 *     and or not && || ! & |  parentheses; juxtaposition means "and"
 *     =  ==  eq  !=  ne  neq  <  lt  >  gt  <=  le  >=  ge
 *
 * "and" and "or" bind alike, from the left to the right, as in ss: `a or b and c` is `( a or b ) and c`.
 *
 * State words that come first, with no operator behind them, hold for all that follows, as in ss:
 * `state close-wait dport = :80 or dport = :443`.
 *
 * Text comparisons take * and ? as in a shell; a container is named by the beginning of its id, the own network
 * namespace is "self". A comparison with something unknown is false. For ages, least and most must both agree to be
 * certain: `age > 60s` holds when the age is at least that. `pid = 17 fd = 3` is 17's descriptor 3. Hosts, services and
 * users are not looked up. */
#ifndef INSPECT_FILTER_H
#define INSPECT_FILTER_H

#include "snap.h"

struct filter;

/* Parses the words of a command line, joined by spaces. NULL on an error; `why` (of `size` bytes) then says where and
 * what was expected: "dport = :99999: a port is 0 to 65535". No words match everything. */
struct filter *filter_parse(int nwords, char *const *words, char *why, size_t size);
/* The same, where `user` knows users by name. */
struct filter *filter_parse_users(bool (*user)(const char *name, uint32_t *uid), int nwords, char *const *words,
                                  char *why, size_t size);
void filter_free(struct filter *filter);
/* NULL matches everything. */
bool filter_matches(const struct filter *filter, const struct snap *snap, const struct snap_conn *conn);
/* The states that can match at all (1 << la_state), so that a source need not ask for others. */
uint32_t filter_states(const struct filter *filter);
/* The LINUX_* parts that must be known for the answer (linux.h). */
unsigned filter_parts(const struct filter *filter);

/* A state by any of its names ("close-wait", "CLOSE_WAIT", "CloseWait"): enum la_state, -1. */
int filter_state(const char *name);
/* The name as ss writes it in its listing: "CLOSE-WAIT", "ESTAB", "UNCONN" … */
const char *filter_ss_name(enum la_state state);

#endif
