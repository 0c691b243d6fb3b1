/* The settings of a stack as data: one table knows every field of tcp_params and ip_settings, its bounds, its value in
 * each profile, and every name that Linux, BSD, Windows or Solaris people use for it. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <lastack/stack.h>

#include "ip/ip.h"
#include "tcp/fastopen.h"
#include "tcp/mtu.h"
#include "tcp/params.h"

/* Where names are found: settings_index_init makes it, once. */
#define SETTINGS_SLOTS 1024
struct settings_index {
    uint16_t name[SETTINGS_SLOTS]; /* Position of a name + 1; 0: free. */
};

void settings_index_init(struct settings_index *index);

/* What the table's rows point into, and the index. All are the stack's own; the functions below write the first two. */
struct settings {
    struct tcp_params *tcp;
    struct ip_settings *ip;
    const struct settings_index *index;
};

/* Sets every field to its value in the profile "linux" (NULL means it), "freebsd" or "rfc". 0 or -LA_EINVAL. */
int settings_profile(const struct settings *s, const char *name);
/* The i-th profile's name, NULL past the end. */
const char *settings_profile_name(unsigned i);

/* As la_set and la_get. Names are matched without regard to case, with '/' for '.', and without "net.ipv4.",
 * "net.ipv6." or "net.core.". A limit that passes its partner (a minimum above its maximum) takes the partner along, so
 * related settings may be set in any order. */
int settings_set(const struct settings *s, const char *name, int64_t value);
int settings_get(const struct settings *s, const char *name, int64_t *value);

/* As la_set_text and la_get_text. */
int settings_set_text(const struct settings *s, const char *name, const char *text);
int settings_get_text(const struct settings *s, const char *name, char *text, size_t size);

/* As la_setting_at. */
bool settings_at(const struct settings *s, unsigned i, struct la_setting *setting, int64_t *value);
/* As la_setting_refusal. */
const char *settings_refusal(const char *name);

/* One name of one field. A name may appear twice, for two fields (net.inet.tcp.rfc1323). */
struct settings_name {
    const char *name;
    const char *own;  /* The stack's own name of the same field. */
    const char *unit; /* The unit of this name. */
};

/* The i-th name, own names first in the order of settings_at; false past the end. */
bool settings_name_at(unsigned i, struct settings_name *name);
/* The i-th refused name, NULL past the end. */
const char *settings_refused_at(unsigned i);

#endif
