/* Compares the control messages that recvmsg brought with those that the script lists, in order. */
#include <string.h>
#include <sys/socket.h>

#include "value_parts.h"

/* What the comparison of one message needs. */
struct control {
    const struct drill_expr *item;
    const uint8_t *data;
    size_t len;
    struct drill_fds *fds;
    int64_t tolerance_us;
    struct drill_text *why;
};

static bool same_value(const struct control *control, const char *name, const struct drill_expr *expr, int64_t live) {
    int64_t expected;
    if (!expr || expr->kind == DRILL_ELLIPSIS) return true;
    if (!value_eval(expr, &expected, control->why)) return false;
    if (expected == live) return true;
    return value_wrong(control->why, expr, "%s: expected %lld, actual %lld", name, (long long)expected,
                       (long long)live);
}

static bool check_integer(const struct control *control, const struct drill_expr *data) {
    int32_t live;
    memcpy(&live, control->data, sizeof live);
    int64_t expected;
    if (!value_eval(data, &expected, control->why)) return false;
    return same_value(control, "cmsg_data", data, expected > INT32_MAX ? (int64_t)(uint32_t)live : live);
}

/* The time stamps' clock is not the script's: the first one seen tells how far apart they are. */
static bool check_times(const struct control *control, const struct drill_expr *data) {
    struct value_times live;
    int64_t sec = 0, nsec = 0;
    const struct drill_expr *nanoseconds = value_field(data, "scm_nsec");
    memcpy(&live, control->data, sizeof live);
    if (!value_eval(value_field(data, "scm_sec"), &sec, control->why)) return false;
    if (nanoseconds && !value_eval(nanoseconds, &nsec, control->why)) return false;
    if (sec == 0 && nsec == 0) return true;
    if (sec < 0 || sec > 1000000 || nsec < 0 || nsec > 1000000000)
        return value_wrong(control->why, data, "this is no time of a script");
    int64_t expected_us = sec * 1000000 + nsec / 1000;
    int64_t live_us = (int64_t)((uint64_t)live.time[0].sec * 1000000 + (uint64_t)live.time[0].nsec / 1000);
    if (!control->fds->wall_known) {
        control->fds->wall_known = true;
        control->fds->wall_us = live_us - expected_us;
    }
    int64_t off_us = live_us - control->fds->wall_us - expected_us;
    if (off_us <= control->tolerance_us && off_us >= -control->tolerance_us) return true;
    return value_wrong(control->why, data, "the time stamp is off by %lld us", (long long)off_us);
}

static bool check_error(const struct control *control, const struct drill_expr *data) {
    struct value_error live;
    memcpy(&live, control->data, sizeof live);
    return same_value(control, "ee_errno", value_field(data, "ee_errno"), live.error) &&
           same_value(control, "ee_origin", value_field(data, "ee_origin"), live.origin) &&
           same_value(control, "ee_type", value_field(data, "ee_type"), live.type) &&
           same_value(control, "ee_code", value_field(data, "ee_code"), live.code) &&
           same_value(control, "ee_info", value_field(data, "ee_info"), live.info) &&
           same_value(control, "ee_data", value_field(data, "ee_data"), live.data);
}

static int64_t attribute_value(const uint8_t *bytes, size_t size) {
    uint32_t four = 0;
    uint64_t eight = 0;
    memcpy(&four, bytes, size == 4 ? 4 : 0);
    memcpy(&eight, bytes, size == 8 ? 8 : 0);
    return size == 1 ? bytes[0] : size == 4 ? (int64_t)four : (int64_t)eight;
}

/* The numbers of the first three are durations in microseconds: a tolerance applies, but not to 0. */
static bool check_attribute(const struct control *control, const struct drill_expr *item, const uint8_t *bytes) {
    int64_t type, expected;
    uint16_t len, live_type;
    memcpy(&len, bytes, sizeof len);
    memcpy(&live_type, bytes + 2, sizeof live_type);
    if (!symbol_value(item->text, &type)) return value_wrong(control->why, item, "%s: no such constant", item->text);
    size_t size = value_attribute_size(type);
    if (live_type != type || len != 4 + size)
        return value_wrong(control->why, item, "expected %s (%lld), actual attribute %u of %u bytes", item->text,
                           (long long)type, live_type, len);
    int64_t live = attribute_value(bytes + 4, size);
    if (item->item[0]->kind == DRILL_ELLIPSIS) return true;
    if (!value_eval(item->item[0], &expected, control->why)) return false;
    int64_t off = (int64_t)((uint64_t)live - (uint64_t)expected);
    bool duration = type >= 1 && type <= 3;
    if (duration && expected != 0 && off <= control->tolerance_us && off >= -control->tolerance_us) return true;
    return same_value(control, item->text, item->item[0], live);
}

static bool check_attributes(const struct control *control, const struct drill_expr *data) {
    size_t at = 0;
    for (unsigned i = 0; i < data->nitems; i++) {
        const struct drill_expr *item = data->item[i];
        int64_t type;
        if (!item->text || item->nitems == 0 || !symbol_value(item->text, &type))
            return value_wrong(control->why, item, "an attribute is TCP_NLA_…=value");
        size_t step = (4 + value_attribute_size(type) + 3) & ~(size_t)3;
        if (step > control->len - at) return value_wrong(control->why, item, "%s is missing", item->text);
        if (!check_attribute(control, item, control->data + at)) return false;
        at += step;
    }
    return true;
}

static bool check_data(const struct control *control, const struct drill_expr *data) {
    switch (value_control(data)) {
    case CONTROL_INTEGER: return check_integer(control, data);
    case CONTROL_TIMES: return check_times(control, data);
    case CONTROL_ERROR: return check_error(control, data);
    case CONTROL_ATTRIBUTES: return check_attributes(control, data);
    case CONTROL_TEXT:
        return memcmp(control->data, data->text, data->len) == 0 || value_wrong(control->why, data, "other bytes came");
    case CONTROL_UNKNOWN: break;
    }
    return value_wrong(control->why, data, "control messages with such data are unknown");
}

static bool check_message(struct control *control, const struct cmsghdr *header) {
    const struct drill_expr *level = value_field(control->item, "cmsg_level"),
                            *type = value_field(control->item, "cmsg_type"),
                            *data = value_field(control->item, "cmsg_data");
    if (!same_value(control, "cmsg_level", level, header->cmsg_level) ||
        !same_value(control, "cmsg_type", type, header->cmsg_type))
        return false;
    size_t expected = value_control_size(data, header->cmsg_level);
    control->len = header->cmsg_len - CMSG_LEN(0);
    if (header->cmsg_len < CMSG_LEN(0) || control->len != expected)
        return value_wrong(control->why, data, "cmsg_data: expected %zu bytes, actual %zu", expected, control->len);
    return check_data(control, data);
}

bool value_check_control(const struct drill_expr *expr, struct msghdr *msg, struct drill_fds *fds, int64_t tolerance_us,
                         struct drill_text *why) {
    unsigned i = 0;
    struct control control = {.fds = fds, .tolerance_us = tolerance_us, .why = why};
    for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header; header = CMSG_NXTHDR(msg, header), i++) {
        if (i == expr->nitems) return value_wrong(why, expr, "more than %u control messages came", i);
        control.item = expr->item[i];
        control.data = CMSG_DATA(header);
        if (!check_message(&control, header)) return false;
    }
    return i == expr->nitems || value_wrong(why, expr, "only %u control messages came", i);
}
