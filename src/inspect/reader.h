/* For those who read documents: the members of a JSON object, each checked for its type and its bounds, into the fields
 * of a snapshot. A member that is not there, or null, leaves `to` as it is. The first one that is wrong sets `failed`
 * and writes `why`: "connections[3].uid: expected …". */
#ifndef INSPECT_READER_H
#define INSPECT_READER_H

#include <jansson.h>

#include "snap_words.h"

struct reader {
    const char *text;
    size_t len, at;
    struct snap *snap; /* Where texts go. */
    char *why;
    size_t size;
    const char *section; /* The array whose element is read; NULL: none. */
    uint32_t index;      /* Of that element. */
    bool known;          /* The format was there, and is ours. */
    bool failed;
};

/* Fails: `what` was expected of a member; memory was refused. */
void reader_expect(struct reader *r, const char *name, const char *what);
void reader_no_memory(struct reader *r);

/* Whether it was there and good. */
bool reader_number(struct reader *r, const json_t *object, const char *name, int64_t low, uint64_t high, int64_t *to);
void reader_64(struct reader *r, const json_t *object, const char *name, uint64_t *to);
void reader_32(struct reader *r, const json_t *object, const char *name, uint32_t *to);
void reader_16(struct reader *r, const json_t *object, const char *name, uint16_t *to);
void reader_8(struct reader *r, const json_t *object, const char *name, uint8_t *to);
/* A descriptor or process: -1 or more. */
void reader_id(struct reader *r, const json_t *object, const char *name, int32_t *to);
/* A number that must be there. */
void reader_index(struct reader *r, const json_t *object, const char *name, uint32_t *to);
void reader_bool(struct reader *r, const json_t *object, const char *name, bool *to);
void reader_seconds(struct reader *r, const json_t *object, const char *name, la_time *to);
void reader_hex(struct reader *r, const json_t *object, const char *name, uint64_t *to);

/* A copy in the snapshot, control characters replaced. */
void reader_text(struct reader *r, const json_t *object, const char *name, const char **to);
/* As it is, in the object. NULL: it is not there. */
const char *reader_string(struct reader *r, const json_t *object, const char *name);
void reader_letter(struct reader *r, const json_t *object, const char *name, char *to);
void reader_word(struct reader *r, const json_t *object, const char *name, const struct snap_words *words, uint8_t *to);
/* An array of words: sets bits. */
void reader_bits(struct reader *r, const json_t *object, const char *name, const struct snap_words *words, uint8_t *to);

/* A state, and an endpoint, must be there. */
void reader_state(struct reader *r, const json_t *object, const char *name, uint8_t *to);
void reader_endpoint(struct reader *r, const json_t *object, const char *name, struct la_endpoint *to);
void reader_address(struct reader *r, const char *name, const char *text, struct la_addr *to);

/* NULL: it is not there. */
json_t *reader_array(struct reader *r, const json_t *object, const char *name);
json_t *reader_object(struct reader *r, const json_t *object, const char *name);
/* Every element of an array of objects. */
void reader_each(struct reader *r, const json_t *object, const char *name,
                 void (*read)(struct reader *r, const json_t *element));

#endif
