/* JSON text, written straight into a struct say: no tree, no memory per value.
 *
 *     say_json_open(out, NULL, '{');
 *     say_json_text(out, "state", "CLOSE_WAIT");
 *     say_json_open(out, "owners", '[');
 *     say_json_count(out, NULL, 17);
 *     say_json_close(out, ']');
 *     say_json_close(out, '}');
 *
 * A name makes it a member of an object; NULL, an element of an array or the document itself. Commas come by
 * themselves. */
#ifndef INSPECT_SAY_JSON_H
#define INSPECT_SAY_JSON_H

#include "say.h"

void say_json_open(struct say *out, const char *name, char bracket);
/* An element of an array, on a line of its own. */
void say_json_open_line(struct say *out, char bracket);
void say_json_close(struct say *out, char bracket);
/* NULL gives null. Bytes that are not UTF-8 become U+FFFD. */
void say_json_text(struct say *out, const char *name, const char *text);
/* printf-like text without quotes, backslashes and control characters, as it is: "\"%x\"", "%d". */
void say_json_raw(struct say *out, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void say_json_count(struct say *out, const char *name, uint64_t n);
void say_json_bool(struct say *out, const char *name, bool value);
/* Seconds, exact to the nanosecond: 12.000000001. LA_NEVER gives null. */
void say_json_seconds(struct say *out, const char *name, la_time time);
/* {"address":"10.0.0.1","port":80}, with "zone" where it has one. */
void say_json_endpoint(struct say *out, const char *name, const struct la_endpoint *endpoint);
/* "10.0.0.1:80" */
void say_json_place(struct say *out, const char *name, const struct la_endpoint *endpoint);
/* {"least":1.5,"most":null} */
void say_json_age(struct say *out, const char *name, const struct snap_age *age);

#endif
