/* Which systemd unit and which container a process belongs to. */
#include "linux_unit.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define ID_LENGTH 64 /* Container ids are SHA-256 in hexadecimal. */
#define ID_SHOWN 12

/* A piece of text that does not end in NUL. */
struct piece {
    const char *at;
    size_t len;
};

static bool ends_in(struct piece piece, const char *with) {
    size_t len = strlen(with);
    return piece.len > len && !memcmp(piece.at + piece.len - len, with, len);
}

static bool contains(struct piece piece, const char *word) {
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= piece.len; i++)
        if (!memcmp(piece.at + i, word, len)) return true;
    return false;
}

static void copy(char out[UNIT_TEXT], const char *at, size_t len) {
    if (len >= UNIT_TEXT) len = UNIT_TEXT - 1;
    memcpy(out, at, len);
    out[len] = '\0';
}

static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/* The container's id within one component of the path ("docker-ID.scope", "ID", "kubepods-x:cri-containerd:ID"); NULL:
 * it names none. What only watches over a container (conmon) is not in it. */
static const char *container_id(struct piece part) {
    size_t run = 0;
    if (contains(part, "conmon")) return NULL;
    for (size_t i = 0; i <= part.len; i++) {
        if (i < part.len && is_hex(part.at[i])) {
            run++;
            continue;
        }
        bool word = i < part.len && isalnum((unsigned char)part.at[i]);
        if (run == ID_LENGTH && !word) return part.at + i - run;
        run = 0;
    }
    return NULL;
}

/* lxc names its containers in the path: "lxc.payload.NAME". */
static bool lxc_name(struct piece part, char container[UNIT_TEXT]) {
    static const char prefix[] = "lxc.payload.";
    size_t len = sizeof prefix - 1;
    if (part.len <= len || memcmp(part.at, prefix, len) != 0) return false;
    copy(container, part.at + len, part.len - len);
    return true;
}

/* One path, component by component: the innermost unit wins, and units outside of a container are its runtime's. */
static void read_path(struct piece path, char unit[UNIT_TEXT], char container[UNIT_TEXT]) {
    const char *end = path.at + path.len;
    for (const char *at = path.at; at < end;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        struct piece part = {at, (size_t)((slash ? slash : end) - at)};
        const char *id = container_id(part);
        if (id) copy(container, id, ID_SHOWN);
        if (id || lxc_name(part, container))
            unit[0] = '\0';
        else if (ends_in(part, ".service") || ends_in(part, ".scope"))
            copy(unit, part.at, part.len);
        at = slash ? slash + 1 : end;
    }
}

/* A line is ID:CONTROLLERS:PATH. Units are in the hierarchy of systemd: version 2's (no controllers), or version 1's
 * "name=systemd". */
static void read_line(struct piece line, char unit[UNIT_TEXT], char container[UNIT_TEXT]) {
    char other[UNIT_TEXT] = "", found[UNIT_TEXT] = "";
    const char *first = memchr(line.at, ':', line.len);
    if (!first) return;
    const char *end = line.at + line.len;
    const char *second = memchr(first + 1, ':', (size_t)(end - first - 1));
    if (!second) return;
    struct piece controllers = {first + 1, (size_t)(second - first - 1)};
    struct piece path = {second + 1, (size_t)(end - second - 1)};
    bool systemd = !controllers.len || contains(controllers, "name=systemd");
    read_path(path, systemd && !unit[0] ? unit : other, found);
    if (!container[0] && found[0]) memcpy(container, found, UNIT_TEXT);
}

void unit_of_cgroup(const char *text, char unit[UNIT_TEXT], char container[UNIT_TEXT]) {
    unit[0] = container[0] = '\0';
    while (*text) {
        size_t len = strcspn(text, "\n");
        read_line((struct piece){text, len}, unit, container);
        text += len + (text[len] == '\n');
    }
}
