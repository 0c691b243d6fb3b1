/* The administrator's commands on a stack target, and the sysctls they read and write. */
#ifndef DRILL_SHIM_H
#define DRILL_SHIM_H

#include "stack_target.h"
#include "text.h"

/* One call of a command. */
struct shim {
    struct drill_stack_target *t;
    int argc;
    const char *const *argv;
    const char *input; /* May be NULL. */
    struct drill_text *out, *err;
};

/* Whether there is a command of this name here. */
bool shim_known(const char *name);
/* As la_drill_shim, with output and error output apart. */
int shim_run(const struct shim *shim);

/* What the stack does not have: the sentence goes to `err`. Always -LA_EOPNOTSUPP. */
int shim_cannot(const struct shim *shim, const char *format, ...);

/* The commands: each returns as la_drill_shim. */
int shim_sysctl(const struct shim *shim);
int shim_sockstat(const struct shim *shim);
int shim_ss(const struct shim *shim);
int shim_netstat(const struct shim *shim);
int shim_tcpdrop(const struct shim *shim);
int shim_nstat(const struct shim *shim);
int shim_ip(const struct shim *shim);
int shim_tc(const struct shim *shim);
int shim_ethtool(const struct shim *shim);

/* --- sysctl.c --- */

#define SYSCTL_TEXT 96 /* Of the longest value. */

/* Made and freed with the target. 0 or -LA_ENOMEM. */
int sysctls_init(struct drill_stack_target *t);
void sysctls_free(struct drill_stack_target *t);

/* A value by its full name ("net.ipv4.tcp_rmem", "net/ipv4/tcp_rmem"), as text. 0; -LA_ENOENT: nobody knows the name;
 * for writing also -LA_EINVAL (no such value) and -LA_EOPNOTSUPP (known and refused, or the value needs a mechanism
 * that the stack does not have: *why says which). */
int sysctl_read(const struct drill_stack_target *t, const char *name, char value[SYSCTL_TEXT]);
int sysctl_write(struct drill_stack_target *t, const char *name, const char *value, const char **why);
/* The i-th name; NULL past the end. Every one can be read. */
const char *sysctl_name(const struct drill_stack_target *t, unsigned i);
/* The i-th of those that Linux has under /proc/sys/net; they are the first. */
const char *sysctl_linux_name(const struct drill_stack_target *t, unsigned i);
/* The name behind "/proc/sys/net/ipv4/tcp_rmem" or "/sys/module/tcp_cubic/parameters/hystart", or NULL. */
const char *sysctl_of_file(const char *path);

/* What `nstat` has shown last: the caller's array of so many counters, zero at first; NULL without memory. */
#define NSTAT_ROWS 64
uint64_t *nstat_shown(struct drill_stack_target *t);
/* The queueing discipline that tc has set; "" is none. */
char *tc_kind(struct drill_stack_target *t);
#define TC_KIND 16

/* --- shim_sockets.c --- */

/* A TCP socket, embryo or record, and its descriptor in the process under test (-1: none). */
struct shim_socket {
    struct la_conn_info info;
    int fd;
};

/* All of them: those with a descriptor first, in its order. The caller frees with shim_sockets_free. 0 or -LA_ENOMEM.
 */
struct shim_sockets {
    struct shim_socket *at;
    size_t count, room;
};

int shim_sockets(struct drill_stack_target *t, struct shim_sockets *sockets);
void shim_sockets_free(const struct drill_stack_target *t, struct shim_sockets *sockets);
bool shim_is6(const struct la_conn_info *info);
/* The name of a state as Linux's ss ("ESTAB"), Linux's netstat ("FIN_WAIT1") and BSD ("FIN_WAIT_1") write it. */
enum shim_style { STYLE_SS, STYLE_NETSTAT, STYLE_BSD };
const char *shim_state(enum la_state state, enum shim_style style);
/* An endpoint: "10.0.0.1:80", "*:80", "[::1]:80" (brackets for ss and netstat of Linux's kind only). */
void shim_endpoint(const struct la_endpoint *end, enum shim_style style, char text[64]);
/* The lines of /proc/net/tcp or tcp6. */
void shim_proc_net(struct drill_stack_target *t, bool ip6, struct drill_text *out);

/* Recv-Q as Linux counts it: an end of file that nobody has read is one more, but for what is only a record. */
static inline uint32_t shim_recv_queue(const struct la_conn_info *info) {
    return info->recv_queue + (info->fin_received && !info->eof_read && !info->compact ? 1 : 0);
}

#endif
