/* ip, tc and ethtool: as much of a network's administration as a stack with one interface can do.
 *
 * Routes: the target has one interface, and everything is behind it. A route that a script adds or changes becomes a
 * route of the stack with the values that the words name; what a word does not name is as if it had never been set. An
 * MTU above the interface's is the interface's.
 *
 * Queueing disciplines: nothing ever waits for the interface, so their order is no matter. What fq does beside that, it
 * does for TCP: it paces, and the stack's own setting does the same. */
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is(const struct shim *shim, int n, const char *word) {
    return n < shim->argc && !strcmp(shim->argv[n], word);
}

static bool take_number(const struct shim *shim, int n, uint32_t *value) {
    char *end;
    if (n >= shim->argc) return false;
    unsigned long number = strtoul(shim->argv[n], &end, 10);
    *value = (uint32_t)number;
    return end != shim->argv[n] && !*end && number <= INT32_MAX;
}

/* --- ip route --- */

struct route {
    struct la_addr prefix;
    unsigned prefix_len;
    enum la_route_metric mtu_kind;
    uint32_t mtu, advmss, initcwnd, initrwnd;
};

static bool take_prefix(const char *word, struct route *r) {
    char text[LA_ADDR_TEXT];
    const char *slash = strchr(word, '/');
    size_t len = slash ? (size_t)(slash - word) : strlen(word);
    if (len >= sizeof text) return false;
    memcpy(text, word, len);
    text[len] = '\0';
    if (!la_addr_parse(text, &r->prefix)) return false;
    unsigned bits = la_addr_is4(&r->prefix) ? 32 : 128;
    char *end = NULL;
    unsigned long asked = slash ? strtoul(slash + 1, &end, 10) : bits;
    r->prefix_len = (unsigned)asked;
    return asked <= bits && (!end || (end != slash + 1 && !*end));
}

/* The words behind the prefix. False: something that is not known here. */
static bool take_attributes(const struct shim *shim, int n, struct route *r) {
    struct la_addr gateway;
    for (; n < shim->argc; n++) {
        if (is(shim, n, "dev") && n + 1 < shim->argc) {
            n++;
        } else if (is(shim, n, "via") && n + 1 < shim->argc) {
            if (!la_addr_parse(shim->argv[++n], &gateway)) return false; /* The interface has one neighbour anyhow. */
        } else if (is(shim, n, "mtu")) {
            if (is(shim, n + 1, "lock")) {
                r->mtu_kind = LA_ROUTE_MTU_LOCK;
                n++;
            }
            if (!take_number(shim, ++n, &r->mtu)) return false;
        } else if (is(shim, n, "advmss")) {
            if (is(shim, n + 1, "lock")) n++;
            if (!take_number(shim, ++n, &r->advmss)) return false;
        } else if (is(shim, n, "initcwnd")) {
            if (!take_number(shim, ++n, &r->initcwnd)) return false;
        } else if (is(shim, n, "initrwnd")) {
            if (!take_number(shim, ++n, &r->initrwnd)) return false;
        } else {
            return false;
        }
    }
    return true;
}

static int set_metrics(const struct shim *shim, const struct route *r) {
    const uint32_t value[][2] = {{r->mtu_kind, r->mtu},
                                 {LA_ROUTE_ADVMSS, r->advmss},
                                 {LA_ROUTE_INITCWND, r->initcwnd},
                                 {LA_ROUTE_INITRWND, r->initrwnd}};
    for (size_t i = 0; i < sizeof value / sizeof value[0]; i++) {
        int error = la_route_set(shim->t->stack, &r->prefix, r->prefix_len, shim->t->iface,
                                 (enum la_route_metric)value[i][0], value[i][1]);
        if (error) return error;
    }
    return 0;
}

static int set_route(const struct shim *shim, int n) {
    struct route r = {.prefix_len = 0};
    if (n >= shim->argc || !take_prefix(shim->argv[n], &r) || !take_attributes(shim, n + 1, &r))
        return shim_cannot(shim, "such a route");
    int error = la_route_add(shim->t->stack, &r.prefix, r.prefix_len, NULL, shim->t->iface, 0);
    if (!error || error == -LA_EEXIST) error = set_metrics(shim, &r);
    return error ? shim_cannot(shim, "this route: %s", la_errno_text(-error)) : 0;
}

/* Of a peer's metrics the stack keeps Fast Open's. */
static int forget_metrics(const struct shim *shim, int n) {
    static const char most[] = "lastack.tcp_fastopen_cookies";
    int64_t value;
    if (!is(shim, n, "flush") || la_get(shim->t->stack, most, &value) < 0) return 0;
    la_set(shim->t->stack, most, 0);
    la_set(shim->t->stack, most, value);
    return 0;
}

int shim_ip(const struct shim *shim) {
    int n = 1;
    while (n < shim->argc && shim->argv[n][0] == '-') n++;
    if (is(shim, n, "tcp_metrics") || is(shim, n, "tcpmetrics")) return forget_metrics(shim, n + 1);
    if (!is(shim, n, "route") && !is(shim, n, "r")) return shim_cannot(shim, "this object of ip");
    if (is(shim, n + 1, "flush")) return 0; /* Learnt MTUs: a target begins without any. */
    if (is(shim, n + 1, "add") || is(shim, n + 1, "change") || is(shim, n + 1, "replace"))
        return set_route(shim, n + 2);
    return shim_cannot(shim, "this verb of ip route");
}

/* --- tc --- */

/* Disciplines that only order what waits: with an interface that is always free, nothing waits. fq also paces. */
static bool only_orders(const char *kind) {
    static const char *const kinds[] = {"fq", "fq_codel", "pfifo", "bfifo", "pfifo_fast", "codel", "sfq", "noqueue"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (!strcmp(kinds[i], kind)) return true;
    return false;
}

static int fail(const struct shim *shim, const char *text) {
    drill_text_add(shim->err, "Error: %s.\n", text);
    return 2;
}

/* `… root [handle H] KIND [limit N …]`, from the word behind the verb. */
static int set_qdisc(const struct shim *shim, int n, bool fresh) {
    const char *kind = NULL;
    uint32_t limit = UINT32_MAX;
    for (; n < shim->argc; n++) {
        if (is(shim, n, "dev") || is(shim, n, "handle") || is(shim, n, "parent"))
            n++;
        else if (is(shim, n, "root"))
            continue;
        else if (!kind)
            kind = shim->argv[n];
        else if (!is(shim, n, "limit"))
            return shim_cannot(shim, "the parameter %s of %s", shim->argv[n], kind);
        else if (!take_number(shim, ++n, &limit))
            return fail(shim, "Illegal \"limit\"");
    }
    if (!kind) return fail(shim, "a discipline is missing");
    if (!only_orders(kind)) return shim_cannot(shim, "the queueing discipline %s", kind);
    char *held = tc_kind(shim->t);
    if (fresh && *held) return fail(shim, "Exclusivity flag on, cannot modify");
    snprintf(held, TC_KIND, "%s", kind);
    shim->t->output_blocked = limit == 0;
    return la_set(shim->t->stack, "lastack.tcp_pacing", !strcmp(kind, "fq"));
}

static int delete_qdisc(const struct shim *shim) {
    char *held = tc_kind(shim->t);
    if (!*held) return fail(shim, "Cannot delete qdisc with handle of zero");
    *held = '\0';
    shim->t->output_blocked = false;
    return la_set(shim->t->stack, "lastack.tcp_pacing", 0);
}

int shim_tc(const struct shim *shim) {
    int n = 1;
    while (n < shim->argc && shim->argv[n][0] == '-') n++;
    if (!is(shim, n, "qdisc")) return shim_cannot(shim, "anything of tc but queueing disciplines");
    if (is(shim, n + 1, "add")) return set_qdisc(shim, n + 2, true);
    if (is(shim, n + 1, "replace") || is(shim, n + 1, "change")) return set_qdisc(shim, n + 2, false);
    if (is(shim, n + 1, "del") || is(shim, n + 1, "delete")) return delete_qdisc(shim);
    const char *kind = tc_kind(shim->t);
    if (n + 1 >= shim->argc || is(shim, n + 1, "show") || is(shim, n + 1, "list")) {
        drill_text_add(shim->out, "qdisc %s 0: root\n", *kind ? kind : "noqueue");
        return 0;
    }
    return shim_cannot(shim, "this verb of tc qdisc");
}

/* --- ethtool --- */

/* Offloads change how the kernel cuts packets, not what TCP says; the stack sends and takes single segments anyhow. */
int shim_ethtool(const struct shim *shim) {
    static const char *const features[] = {"tso",
                                           "gso",
                                           "gro",
                                           "lro",
                                           "sg",
                                           "tx",
                                           "rx",
                                           "ufo",
                                           "tx-checksumming",
                                           "rx-checksumming",
                                           "generic-segmentation-offload",
                                           "generic-receive-offload",
                                           "tcp-segmentation-offload"};
    if (!is(shim, 1, "-K") && !is(shim, 1, "--offload") && !is(shim, 1, "--features"))
        return shim_cannot(shim, "this option of ethtool");
    for (int n = 3; n < shim->argc; n += 2) {
        size_t i = 0;
        while (i < sizeof features / sizeof features[0] && strcmp(features[i], shim->argv[n]) != 0) i++;
        if (i == sizeof features / sizeof features[0] || (!is(shim, n + 1, "on") && !is(shim, n + 1, "off"))) {
            drill_text_add(shim->err, "ethtool: bad command line argument(s)\n");
            return 1;
        }
    }
    return 0;
}
