/* What one run of one script on one target gave: the verdict, and the lines of the wire. It is kept in two pieces of
 * flat memory, so that it travels between processes of this program as bytes. */
#ifndef TOOL_DRILL_RECORD_H
#define TOOL_DRILL_RECORD_H

#include <lastack/drill.h>

#include "drill_jobs.h"

/* la_drill_verdict goes on: what is not the engine's to say. */
enum drill_verdict {
    DRILL_MALFORMED = LA_DRILL_BROKEN + 1, /* It does not parse. */
    DRILL_SKIPPED,                         /* Not a case: the script says its own IP version. Not reported. */
    DRILL_NVERDICTS,
};

enum record_kind { RECORD_IN, RECORD_OUT, RECORD_CALL, RECORD_COMMAND, RECORD_CODE };

struct record_line {
    double at;
    unsigned line; /* In the script; 0: nothing stands for it there. */
    enum record_kind kind;
    bool ok;
    int local_state, remote_state; /* enum la_state; -1: none. */
    uint32_t expected, actual;     /* Where the texts begin; 0: there is none. */
};

struct record {
    struct {
        int verdict;           /* enum la_drill_verdict or drill_verdict */
        unsigned line, column; /* Where it failed or does not parse; 0: not at a line. */
        la_time took;          /* The target's time. */
        la_time spent;         /* The host's. */
        char on[8];            /* "stack", "kernel" */
        char profile[16];
        char version[24]; /* "ipv4", "ipv6", "ipv4-mapped-ipv6"; "" where it does not parse. */
        uint32_t why;     /* Where the explanation begins. */
        uint32_t nlines, ntext;
    } head;
    struct record_line *line;
    char *text; /* Byte 0 is NUL: offset 0 is the empty text. */
    uint32_t line_room, text_room;
    bool failed; /* There was no memory for a part of it. */
};

/* Copies a text behind the others; returns where it begins. NULL: 0. */
uint32_t record_text(struct record *record, const char *text);
/* For struct la_drill_run: `ctx` is the record. */
void record_hear(void *ctx, const struct la_drill_line *line);
/* What a line's offset stands for; NULL: none. */
const char *record_at(const struct record *record, uint32_t offset);
/* The explanation; "" where there is none. */
const char *record_why(const struct record *record);
/* What the target did there, as one text: the actual where it differs. Never NULL. */
const char *record_done(const struct record *record, const struct record_line *line);
void record_free(struct record *record);

/* As bytes and back. Reads at `*at` and moves it; false: no whole record stands there. */
void record_pack(const struct record *record, struct answer *answer);
bool record_unpack(struct record *record, const struct answer *answer, size_t *at);

/* "pass", "FAIL", "n/a", "broken", "malformed". */
const char *record_word(int verdict);

#endif
