/* One socket at a time through sock_diag, named by its cookie: how it is, and its destruction. */
#ifndef INSPECT_LINUX_CURE_DIAG_H
#define INSPECT_LINUX_CURE_DIAG_H

#include <linux/inet_diag.h>

#include "map.h"
#include "snap.h"

struct mnl_socket;

/* How the kernel finds a socket again: only with the cookie that it had when it was found. */
struct cure_name {
    uint8_t family;
    struct inet_diag_sockid id;
};

/* Sockets that their addresses alone do not find: those bound to an interface, and listeners that share one. */
struct cure_odd {
    struct cure_name *names;
    uint32_t n, room;
    struct map by_cookie; /* -> names */
    bool listed, failed;
};

/* Talks to one network namespace. */
struct cure_diag {
    struct mnl_socket *link; /* NULL: it could not be opened, or was not tried. */
    int error;               /* Why not, a negative errno. */
    unsigned serial;
    struct cure_odd odd; /* Looked for when the first socket is not found. */
};

/* How it is. */
struct cure_vitals {
    uint8_t state; /* enum la_state */
    uint32_t recv_queue, send_queue, probes;
    la_time timer_left;   /* LA_NEVER: no timer. */
    la_time ack_received; /* Ago; LA_NEVER: unknown. */
};

/* Opens it in this namespace, the calling thread's where it has no name. 0 or -errno, which it keeps too. */
int cure_diag_open(struct cure_diag *diag, const struct snap_netns *netns);
void cure_diag_close(struct cure_diag *diag);

/* The socket of a snapshot's connection. 0; -ENOENT: it is gone, whatever has its addresses by then. */
int cure_diag_find(struct cure_diag *diag, const struct snap_conn *conn, struct cure_name *name,
                   struct cure_vitals *vitals);
/* 0; -ENOENT: it is gone. */
int cure_diag_look(struct cure_diag *diag, const struct cure_name *name, struct cure_vitals *vitals);
/* SOCK_DESTROY. 0; -ENOENT: it is gone, and nothing was touched. */
int cure_diag_destroy(struct cure_diag *diag, const struct cure_name *name);

#endif
