#include "snap_words.h"

#include <string.h>

#define WORDS(name, ...)                                                                                               \
    static const char *const name##_list[] = {__VA_ARGS__};                                                            \
    const struct snap_words snap_words_##name = {name##_list, sizeof name##_list / sizeof name##_list[0]}

WORDS(eof, "none", "unread", "read", "ambiguous");
WORDS(shut, "read", "write");
WORDS(mark, "embryo", "record", "queued", "measured", "self", "inet6", "v6only");
WORDS(hold, "message", "uring");
WORDS(watch, "epoll", "poll", "select", "call", "uring");
WORDS(watch_flag, "read", "write", "edge", "oneshot", "disarmed", "waited");
WORDS(sigpipe, "unknown", "kills", "ignored", "caught");

int snap_word(const struct snap_words *words, const char *text) {
    for (unsigned i = 0; i < words->n; i++)
        if (!strcmp(words->word[i], text)) return (int)i;
    return -1;
}
