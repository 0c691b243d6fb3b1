/* The %{ … }% blocks of a script: collected while it runs, with what the connection looked like at each, and one Python
 * program at the end that runs them in order.
 *
 * A block sees the names that packetdrill gives it: tcpi_… for the fields of Linux's struct tcp_info, the constants of
 * both grammars (TCP_ESTABLISHED and TCPI_ESTABLISHED, TCPI_OPT_…, TCP_CA_…), and bbr_…, dctcp_…, tcpv_… and
 * SK_MEMINFO_… where they were sampled. What an earlier block assigned is there, too; samples of an earlier time are
 * not. */
#ifndef DRILL_CODE_H
#define DRILL_CODE_H

#include <stdbool.h>
#include <stddef.h>

struct drill_code;

/* NULL: no memory. */
struct drill_code *code_new(void);
void code_free(struct drill_code *code); /* NULL is fine. */

/* Adds a block. `info` is a struct tcp_info of `len` bytes as getsockopt wrote it; fields beyond `len` get no name.
 * `len` 0: there was no socket. Everything is copied. False: no memory. */
bool code_add(struct drill_code *code, const char *text, unsigned line, const void *info, size_t len);

/* Adds to the latest block what getsockopt wrote for TCP_CC_INFO and for SO_MEMINFO; a length of 0: it did not. */
bool code_add_more(struct drill_code *code, const void *cc, size_t cc_len, const void *memory, size_t memory_len);

/* The program, in `code`'s memory; NULL: there was no block. A failing block prints "line 12: …" and ends it with exit
 * status 1. */
const char *code_program(struct drill_code *code);

#endif
