/* The words for the small enumerations of a snapshot, as documents have them. */
#ifndef INSPECT_SNAP_WORDS_H
#define INSPECT_SNAP_WORDS_H

#include "snap.h"

/* word[i] stands for the value i, or, where values are bits, for 1 << i. */
struct snap_words {
    const char *const *word;
    unsigned n;
};

extern const struct snap_words snap_words_eof, snap_words_shut, snap_words_mark, snap_words_hold, snap_words_watch,
    snap_words_watch_flag, snap_words_sigpipe;

/* The value of a word; -1: it is none of them. */
int snap_word(const struct snap_words *words, const char *text);

#endif
