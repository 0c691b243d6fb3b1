/* A snapshot: connections, the processes that hold them, and what their host is set to, at one moment, as data.
 *
 * Sources fill it: Linux (linux.h), a stack of ours (snap_stack.h), a document written earlier (snap_json.h).
 * Everything else only reads it: filters, the rules, the listings. A source adds and then calls snap_finish, which puts
 * owners, watches and holds into the order of their connections and finds the pairs.
 *
 * Things refer to each other by index into the snapshot's arrays; SNAP_NONE is no index. What a source cannot know has
 * a value that says so: LA_NEVER for times, -1 for settings, UINT32_MAX for queues and counts where said. Texts belong
 * to the snapshot. */
#ifndef INSPECT_SNAP_H
#define INSPECT_SNAP_H

#include <lastack/info.h>

#define SNAP_NONE UINT32_MAX

/* How long something has lasted, in nanoseconds: between `least` and `most`. Equal: exact. `most` LA_NEVER: at least.
 */
struct snap_age {
    la_time least, most;
};

/* What is known about a peer's FIN that has arrived. */
enum snap_eof {
    SNAP_EOF_NONE,      /* No FIN has arrived. */
    SNAP_EOF_UNREAD,    /* The owner has not read end of file: certain. */
    SNAP_EOF_READ,      /* The owner has read end of file: certain. */
    SNAP_EOF_AMBIGUOUS, /* All bytes are read; end of file itself may or may not be. */
};

enum snap_shut {
    SNAP_SHUT_READ = 1,  /* Receiving is over (also by the peer's FIN, on Linux). */
    SNAP_SHUT_WRITE = 2, /* Our FIN is sent or queued. */
};

enum snap_mark {
    SNAP_EMBRYO = 1,   /* SYN_RCVD in the SYN queue: no socket yet. */
    SNAP_RECORD = 2,   /* A compact record (TIME_WAIT, orphaned FIN_WAIT_2): no socket any more. */
    SNAP_QUEUED = 4,   /* In a listener's accept queue: nobody has accepted it. */
    SNAP_MEASURED = 8, /* The fields below "measured" are filled in. */
    SNAP_SELF = 16,    /* Ours: of the process that looks. */
    SNAP_INET6 = 32,   /* The socket is an IPv6 one, even where its addresses are IPv4's (on a dual-stack listener). */
    SNAP_V6ONLY = 64,  /* Listener on ::, which takes no IPv4 (IPV6_V6ONLY). */
};

/* One connection, listener, embryo or record. */
struct snap_conn {
    uint64_t cookie; /* Names it for its whole life, TIME_WAIT included. Linux: SO_COOKIE; ours: la_conn_info.id. */
    uint64_t inode;  /* Of its descriptor (socket:[N]); 0: it has none. */
    struct la_endpoint local, peer;
    uint32_t netns; /* Index into netns. */
    uint32_t uid;   /* Who made it. UINT32_MAX: unknown. */
    uint8_t state;  /* enum la_state */
    uint8_t timer;  /* enum la_timer; LA_NTIMERS: none runs. */
    uint8_t shut;   /* enum snap_shut bits. */
    uint8_t marks;  /* enum snap_mark bits. */
    uint8_t eof;    /* enum snap_eof */
    uint8_t tries;  /* Retransmissions that nobody answered, or probes that opened no window, in a row; SYN+ACKs sent
                       again. */
    uint8_t nmoves; /* In moves; 0: no history is known. */
    la_time timer_left;   /* LA_NEVER: no timer. */
    struct snap_age age;  /* In this state. */
    uint32_t recv_queue;  /* Bytes not read by the owner. Listener: connections to accept. */
    uint32_t send_queue;  /* Bytes not acknowledged by the peer. Listener: the backlog. */
    uint32_t nowners;     /* Descriptors that hold it: owners[first_owner …]. */
    uint32_t first_owner; /* See nowners. */
    uint32_t nholds;      /* Holders that are not descriptors: holds[first_hold …]. */
    uint32_t first_hold;  /* See nholds. */
    uint32_t nwatches;    /* Who waits for it: watches[first_watch …]; filled in when looked at closely. */
    uint32_t first_watch; /* See nwatches. */
    bool looked_closely;  /* Its owners' descriptors and threads were examined: no watch means that nobody watches. */
    uint32_t pair;        /* The connection's other end, when it is in this snapshot; SNAP_NONE otherwise. */
    uint32_t embryos;     /* Listener: connections in its SYN queue. */
    uint32_t drops;       /* Listener: connections refused since it listens. UINT32_MAX: unknown. */
    uint64_t cgroup;      /* Linux: id of the cgroup that made it; 0: unknown. */
    uint32_t first_move;  /* Index into moves, oldest first. */
    uint32_t former;      /* The process that held it before nobody did, index into procs; SNAP_NONE: unknown. */

    /* Measured. */
    la_time data_sent, data_received, ack_received; /* Ago; LA_NEVER: never, or not since it began. */
    la_time rtt, rto;                               /* 0: no sample. */
    uint32_t peer_window;                           /* What the peer lets us send, bytes. UINT32_MAX: unknown. */
    uint32_t unsent;                                /* Bytes never sent. */
    uint32_t retransmits, lost;                     /* Segments, ever; believed lost at this moment. */
    uint32_t cwnd, mss;                             /* bytes */
    uint64_t bytes_in, bytes_out;
    la_time window_limited; /* How long in all the peer's window was what held it up. */
};

/* A move in the history of a connection. `ago` as of the snapshot. */
struct snap_move {
    la_time ago;
    uint8_t from, to;  /* enum la_state */
    const char *cause; /* "FIN+ACK arrived"; NULL: unknown. */
};

enum snap_sigpipe { SNAP_SIGPIPE_UNKNOWN, SNAP_SIGPIPE_KILLS, SNAP_SIGPIPE_IGNORED, SNAP_SIGPIPE_CAUGHT };

/* A process that holds at least one connection. For a stack of ours, the one that runs the stack (or an owner's tag).
 */
struct snap_proc {
    int32_t pid, parent;
    uint32_t uid;
    const char *program;             /* Its short name (comm). Never NULL. */
    const char *command;             /* The whole command line; NULL: unknown. */
    const char *unit;                /* systemd unit, "nginx.service"; NULL: none or unknown. */
    const char *container;           /* Short id of its container; NULL: none or unknown. */
    uint32_t nfds;                   /* Open descriptors; UINT32_MAX: unknown. */
    uint32_t fd_limit;               /* RLIMIT_NOFILE; UINT32_MAX: unknown or none. */
    uint32_t nconns;                 /* Connections of this snapshot that it holds. */
    char state;                      /* 'R' 'S' 'D' 'T' …; '?' unknown. 'T' and 't': stopped. */
    uint8_t sigpipe;                 /* enum snap_sigpipe */
    uint64_t started;                /* Clock ticks since boot: with the pid it names the process. 0: unknown. */
    uint32_t first_thread, nthreads; /* threads[]; filled in when looked at closely. */
};

/* A descriptor that holds a connection. The same open file description behind all of them (fork, dup, SCM_RIGHTS). */
struct snap_owner {
    uint32_t conn, proc;
    int32_t fd;
};

enum snap_hold_kind {
    SNAP_HOLD_MESSAGE, /* In a message (SCM_RIGHTS) that nobody has received: `fd` is the receiving AF_UNIX socket. */
    SNAP_HOLD_URING,   /* Registered with an io_uring: `fd` is the ring. */
};

/* A holder that no descriptor shows. With `conn` SNAP_NONE: proc has `count` sockets in messages, which ones is not
 * told. */
struct snap_hold {
    uint32_t conn, proc;
    uint8_t kind; /* enum snap_hold_kind */
    int32_t fd;
    uint32_t count;
};

enum snap_watch_kind {
    SNAP_WATCH_EPOLL,  /* In an epoll set. */
    SNAP_WATCH_POLL,   /* A thread is in poll() with it. */
    SNAP_WATCH_SELECT, /* A thread is in select() with it. */
    SNAP_WATCH_CALL,   /* A thread is in a call on the descriptor itself. */
    SNAP_WATCH_URING,  /* An io_uring of the process has requests pending; on which descriptor is not told. */
};

enum snap_watch_flag {
    SNAP_WATCH_READ = 1,      /* Would hear of data or end of file (EPOLLIN, EPOLLRDHUP, read-like calls). */
    SNAP_WATCH_WRITE = 2,     /* Waits for room to send. */
    SNAP_WATCH_EDGE = 4,      /* EPOLLET */
    SNAP_WATCH_ONESHOT = 8,   /* EPOLLONESHOT, armed. */
    SNAP_WATCH_DISARMED = 16, /* EPOLLONESHOT that has fired and was not armed again. */
    SNAP_WATCH_WAITED = 32,   /* Some thread sleeps in a call that this watch would wake (epoll_wait on the set, also
                                 through an outer set; the call itself). */
};

/* Somebody who would be told when something happens on a connection. */
struct snap_watch {
    uint32_t conn, proc;
    uint8_t kind;     /* enum snap_watch_kind */
    uint8_t flags;    /* enum snap_watch_flag bits. */
    int32_t fd;       /* The number it was registered under (may be closed since); -1: unknown. */
    int32_t set;      /* The epoll or ring descriptor; -1: none. */
    int32_t tid;      /* The thread that waits; 0: none. */
    uint32_t events;  /* The mask asked for, as EPOLL* bits; 0 for calls. */
    const char *call; /* "recvfrom", "epoll_wait"; NULL: none. */
};

/* What a thread of an examined process does. */
struct snap_thread {
    uint32_t proc;
    int32_t tid;
    char state;        /* As snap_proc.state. */
    const char *call;  /* The system call it is in, "futex"; NULL: it runs, or that could not be read. */
    int32_t fd;        /* The call's descriptor, where its first argument is one; -1 otherwise. */
    const char *where; /* The kernel function it sleeps in (wchan); NULL: unknown. */
};

/* Settings and counters of a host or stack, by name. */
enum snap_setting {
#define SNAP_SETTING(id, name) SNAP_S_##id,
#include "facts.def"
#undef SNAP_SETTING
    SNAP_NSETTINGS,
};
enum snap_counter {
#define SNAP_COUNTER(id, group, name) SNAP_C_##id,
#include "facts.def"
#undef SNAP_COUNTER
    SNAP_NCOUNTERS,
};
const char *snap_setting_name(enum snap_setting setting); /* "net.ipv4.tcp_fin_timeout" */
const char *snap_counter_name(enum snap_counter counter); /* "TcpExtListenDrops" */

/* A network namespace, or a stack of ours: what is common to its connections. */
struct snap_netns {
    const char *name; /* Of /run/netns, or "pid 17's", or the stack's path; NULL: the one of who looks. */
    uint64_t inode;   /* 0: none. */
    bool stack;       /* A stack of ours. */
    bool facts;       /* The following are filled in. */
    int64_t setting[SNAP_NSETTINGS];    /* -1: unknown. In the setting's own unit. */
    uint64_t counter[SNAP_NCOUNTERS];   /* Since the namespace began. UINT64_MAX: unknown. */
    uint32_t first_address, naddresses; /* addresses[]: the local ones. */
};

/* A line of a configuration file that sets something that has to do with TCP's states. */
struct snap_line {
    const char *file;
    uint32_t line;
    const char *name, *value; /* As written, dots between the parts. */
};

/* Connections that a process ended with a reset by its own call, since a watch began (track_resets.h). Documents do not
 * hold it. */
struct snap_reset {
    uint32_t proc, count;
    la_time last; /* Ago. */
    struct la_endpoint peer;
};

/* Something that could not be seen. */
struct snap_blind {
    const char *what; /* "the descriptors of 12 processes, which may not be read" */
    const char *need; /* "run as root, or with CAP_SYS_PTRACE"; NULL: nothing helps. */
};

#define SNAP_ARRAY(type, name)                                                                                         \
    type *name;                                                                                                        \
    uint32_t n##name, room_##name

struct snap {
    la_time taken;      /* On the source's monotonic clock. */
    la_time read;       /* When the last connection had been read, on the same clock; 0: all of them at `taken`. */
    uint64_t wall;      /* Nanoseconds since 1970, at `taken`; 0: unknown. */
    const char *source; /* "Linux 6.18", "lastack stack at PATH". */
    bool owners_known;  /* Owners were looked for. */
    bool failed;        /* Memory was refused: it is not complete. */
    SNAP_ARRAY(struct snap_conn, conns);
    SNAP_ARRAY(struct snap_proc, procs);
    SNAP_ARRAY(struct snap_owner, owners);
    SNAP_ARRAY(struct snap_hold, holds);
    SNAP_ARRAY(struct snap_watch, watches);
    SNAP_ARRAY(struct snap_thread, threads);
    SNAP_ARRAY(struct snap_netns, netns);
    SNAP_ARRAY(struct snap_move, moves);
    SNAP_ARRAY(struct snap_line, lines);
    SNAP_ARRAY(struct snap_blind, blinds);
    SNAP_ARRAY(struct snap_reset, resets);
    SNAP_ARRAY(struct la_addr, addresses);
    struct snap_text *texts; /* Blocks of text. */
};

struct snap *snap_new(void); /* NULL: no memory. */
void snap_free(struct snap *snap);

/* Each adds one, filled with "unknown", and returns it, NULL when memory is refused (`failed` is set then). The pointer
 * is good until the next one of its kind is added. */
struct snap_conn *snap_add_conn(struct snap *snap);
struct snap_proc *snap_add_proc(struct snap *snap);
struct snap_owner *snap_add_owner(struct snap *snap);
struct snap_hold *snap_add_hold(struct snap *snap);
struct snap_watch *snap_add_watch(struct snap *snap);
struct snap_thread *snap_add_thread(struct snap *snap);
struct snap_netns *snap_add_netns(struct snap *snap);
struct snap_move *snap_add_move(struct snap *snap);
struct snap_line *snap_add_line(struct snap *snap);
struct snap_blind *snap_add_blind(struct snap *snap);
struct snap_reset *snap_add_reset(struct snap *snap);
struct la_addr *snap_add_address(struct snap *snap);

/* A copy of a text that lives as long as the snapshot, with '?' for what is no UTF-8 or would control a terminal; ""
 * when memory is refused. NULL gives NULL. */
const char *snap_text(struct snap *snap, const char *text);
const char *snap_format(struct snap *snap, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sorts owners, holds and watches by connection and sets the connections' indexes; counts each process's connections
 * and each listener's embryos; finds pairs. May be called again after more was added. */
void snap_finish(struct snap *snap);

/* --- Questions --- */

/* Whether both bounds are the same millisecond. */
bool snap_age_exact(const struct snap_age *age);

/* The process at the front: of the owner with the lowest pid. SNAP_NONE: nobody holds it. */
uint32_t snap_first_proc(const struct snap *snap, const struct snap_conn *conn);
/* How many different processes hold it. */
uint32_t snap_nprocs(const struct snap *snap, const struct snap_conn *conn);
bool snap_holds(const struct snap *snap, const struct snap_conn *conn, uint32_t proc);

/* For each connection the listener that it came through, or would have: SNAP_NONE when there is none, so that this end
 * is the one that connected. False: memory was refused. */
bool snap_listeners(const struct snap *snap, uint32_t *listener);

/* The wildcard of either family; an address of the host's own loopback. */
bool snap_is_any(const struct la_addr *addr);
bool snap_is_loopback(const struct la_addr *addr);
/* Whether a namespace is a stack of ours. */
bool snap_is_stack(const struct snap *snap, uint32_t netns);
/* Whether this state of a process or thread means stopped, by a signal or a debugger. */
bool snap_is_stopped(char state);

/* Whether an address is one of the namespace's own (loopback always is). */
bool snap_is_local(const struct snap *snap, uint32_t netns, const struct la_addr *addr);

/* Keys for map.h. */
uint64_t snap_addr_key(const struct la_addr *addr);
uint64_t snap_endpoint_key(const struct la_endpoint *endpoint);

/* The connection with this cookie; SNAP_NONE. */
uint32_t snap_by_cookie(const struct snap *snap, uint64_t cookie);

#endif
