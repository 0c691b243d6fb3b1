#include "drill_record.h"

#include <stdlib.h>
#include <string.h>

/* What a hostile or endless script may make us keep. */
#define LINES_MAX 200000
#define TEXT_MAX (UINT32_C(64) << 20)

static bool make_room(void **at, uint32_t *room, uint32_t wanted, size_t each) {
    if (wanted <= *room) return true;
    uint32_t grown = *room ? *room : 64;
    while (grown < wanted) grown *= 2;
    void *more = realloc(*at, grown * each);
    if (!more) return false;
    *at = more;
    *room = grown;
    return true;
}

/* A script must not steer the terminal that its words are shown on. */
static void disarm(char *text) {
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && *text != '\n' && *text != '\t') || *text == 0x7f) *text = '?';
}

uint32_t record_text(struct record *record, const char *text) {
    if (!text) return 0;
    size_t len = strlen(text) + 1;
    uint32_t at = record->head.ntext ? record->head.ntext : 1;
    void *memory = record->text;
    if (len > TEXT_MAX - at || !make_room(&memory, &record->text_room, at + (uint32_t)len, 1)) {
        record->failed = true;
        return 0;
    }
    record->text = memory;
    record->text[0] = 0;
    memcpy(record->text + at, text, len);
    disarm(record->text + at);
    record->head.ntext = at + (uint32_t)len;
    return at;
}

static enum record_kind kind_of(const char *kind) {
    if (!strcmp(kind, "<")) return RECORD_IN;
    if (!strcmp(kind, ">")) return RECORD_OUT;
    if (!strcmp(kind, "call")) return RECORD_CALL;
    return !strcmp(kind, "code") ? RECORD_CODE : RECORD_COMMAND;
}

void record_hear(void *ctx, const struct la_drill_line *line) {
    struct record *record = ctx;
    void *memory = record->line;
    uint32_t n = record->head.nlines;
    if (n == LINES_MAX || !make_room(&memory, &record->line_room, n + 1, sizeof *record->line)) {
        record->failed = true;
        return;
    }
    record->line = memory;
    record->line[n] = (struct record_line){.at = line->at,
                                           .line = line->line,
                                           .kind = kind_of(line->kind),
                                           .ok = line->ok,
                                           .local_state = line->local_state,
                                           .remote_state = line->remote_state,
                                           .expected = record_text(record, line->expected),
                                           .actual = record_text(record, line->actual)};
    record->head.nlines = n + 1;
}

const char *record_at(const struct record *record, uint32_t offset) {
    return offset && offset < record->head.ntext ? record->text + offset : NULL;
}

const char *record_why(const struct record *record) {
    const char *text = record_at(record, record->head.why);
    return text ? text : "";
}

const char *record_done(const struct record *record, const struct record_line *line) {
    const char *text = record_at(record, line->actual ? line->actual : line->expected);
    return text ? text : "";
}

void record_free(struct record *record) {
    free(record->line);
    free(record->text);
    *record = (struct record){0};
}

void record_pack(const struct record *record, struct answer *answer) {
    answer_add(answer, &record->head, sizeof record->head);
    answer_add(answer, record->line, record->head.nlines * sizeof *record->line);
    answer_add(answer, record->text, record->head.ntext);
}

/* `len` bytes at `*at`, copied. False: they are not there, or there is no memory. */
static bool unpack(const struct answer *answer, size_t *at, void **to, size_t len) {
    if (answer->len - *at < len) return false;
    if (!len) return true;
    if (!(*to = malloc(len))) return false;
    memcpy(*to, answer->bytes + *at, len);
    *at += len;
    return true;
}

bool record_unpack(struct record *record, const struct answer *answer, size_t *at) {
    void *line = NULL, *text = NULL;
    *record = (struct record){0};
    if (answer->len - *at < sizeof record->head) return false;
    memcpy(&record->head, answer->bytes + *at, sizeof record->head);
    *at += sizeof record->head;
    bool ok = unpack(answer, at, &line, record->head.nlines * sizeof *record->line) &&
              unpack(answer, at, &text, record->head.ntext);
    record->line = line;
    record->text = text;
    if (!ok) record_free(record);
    return ok;
}

const char *record_word(int verdict) {
    static const char *const words[] = {[LA_DRILL_PASS] = "pass",
                                        [LA_DRILL_FAIL] = "FAIL",
                                        [LA_DRILL_NOT_APPLICABLE] = "n/a",
                                        [LA_DRILL_BROKEN] = "broken",
                                        [DRILL_MALFORMED] = "malformed"};
    return verdict >= 0 && verdict <= DRILL_MALFORMED ? words[verdict] : "?";
}
