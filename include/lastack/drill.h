/* Packetdrill scripts: read, run against a TCP, judged. The language is the union of the two grammars in use (Google's
 * and nplab's); doc/drill.md describes it.
 *
 * A script runs against a target: a lastack stack in virtual time (la_drill_stack_open), or whatever else implements
 * struct la_drill_target. Nothing here calls the system; what a script wants from a shell or from Python goes to
 * struct la_drill_host. */
#ifndef LASTACK_DRILL_H
#define LASTACK_DRILL_H

#include <lastack/info.h>
#include <lastack/sys.h>
#include <lastack/types.h>

/* --- Options: what a script's own --flags and the command line say --- */

enum la_drill_ip { LA_DRILL_IPV4, LA_DRILL_IPV6, LA_DRILL_IPV4_MAPPED_IPV6 };

#define LA_DRILL_DEFINES 32

struct la_drill_define {
    char name[48];
    char value[208]; /* Script text that stands in for the name. */
};

/* Where a field's `set` bit is on, it was given; the command line's set wins over the script's. */
struct la_drill_options {
    uint32_t set; /* 1u << enum la_drill_option */
    enum la_drill_ip ip_version;
    uint32_t tolerance_us;    /* Default 4000. */
    double tolerance_percent; /* Default 12.5: of the time since the previous event, where that is more. */
    uint32_t mtu;             /* Default 1500. */
    uint32_t mss;             /* How large the pieces of a coalesced inbound segment are; 0: not coalesced. */
    uint32_t tcp_ts_tick_us;  /* 0: outbound TS val is not checked. */
    bool tcp_ts_ecr_scaled;
    bool non_fatal_packet, non_fatal_syscall;
    bool strict_segments;         /* One expected packet is one packet sent: nothing is merged. */
    struct la_addr local, remote; /* Of the TCP under test, and of the script's side. */
    struct la_addr gateway;
    uint16_t bind_port, connect_port; /* Default 8080 both. */
    unsigned prefix_len;
    bool udp_encaps; /* --udp_encapsulation=…: not applicable everywhere. */
    unsigned ndefines;
    struct la_drill_define define[LA_DRILL_DEFINES];
};

enum la_drill_option {
    LA_DRILL_OPT_IP_VERSION,
    LA_DRILL_OPT_TOLERANCE_US,
    LA_DRILL_OPT_TOLERANCE_PERCENT,
    LA_DRILL_OPT_MTU,
    LA_DRILL_OPT_MSS,
    LA_DRILL_OPT_TS_TICK,
    LA_DRILL_OPT_TS_ECR_SCALED,
    LA_DRILL_OPT_NON_FATAL,
    LA_DRILL_OPT_STRICT_SEGMENTS,
    LA_DRILL_OPT_LOCAL,
    LA_DRILL_OPT_REMOTE,
    LA_DRILL_OPT_GATEWAY,
    LA_DRILL_OPT_BIND_PORT,
    LA_DRILL_OPT_CONNECT_PORT,
    LA_DRILL_OPT_PREFIX_LEN,
    LA_DRILL_OPT_UDP_ENCAPS,
};

/* Reads one "--name=value" or "--name" (or "-Dname=value") into `options`. False with a sentence in `error` when the
 * name is unknown or the value is wrong. Names that mean nothing here (--verbose, --debug …) are accepted. */
bool la_drill_option_parse(struct la_drill_options *options, const char *text, char *error, size_t size);

/* --- Scripts --- */

struct la_drill_script;

struct la_drill_error {
    unsigned line, column; /* From 1; 0: of the whole script. */
    char text[512];        /* What was expected and what stands there. */
};

/* Reads a script. `options` (may be NULL) are the command line's: the script's own are merged under them. Returns 0,
 * -LA_EINVAL (malformed: see `error`) or -LA_ENOMEM. `text` need not outlive the call. */
int la_drill_parse(const char *text, size_t len, const struct la_drill_options *options,
                   struct la_drill_script **script, struct la_drill_error *error);
void la_drill_free(struct la_drill_script *script);

/* The options as merged with defaults. */
const struct la_drill_options *la_drill_script_options(const struct la_drill_script *script);

/* --- What a script runs against --- */

/* A TCP with its socket calls, its network side and its clock. Times count from the target's opening. Where one lets
 * time pass `until` then but its clock stops before, it has given up: too much happens there. */
struct la_drill_target {
    const char *name; /* "stack", "kernel" */
    bool kernel;      /* It has the mechanisms that only one kernel has: error queues, splice, packet timestamps … */
    la_time patience; /* How long an event that may come at any time is waited for. */
    la_time (*now)(struct la_drill_target *target);
    /* Lets time pass until `until`; what TCP sends meanwhile is kept for `output`. At `until` itself, timers that are
     * due then have not fired yet: the script's event goes first. */
    void (*sleep)(struct la_drill_target *target, la_time until);
    /* Gives one IP packet to the TCP. `gso` > 0: the packet is several segments of so many bytes in one (GRO). 0 or a
     * negative errno. */
    int (*input)(struct la_drill_target *target, const void *packet, size_t len, uint32_t gso);
    /* The next packet that TCP has sent or sends until `until`: its length, copied to `packet`, with the time it was
     * sent at; 0: none. A packet larger than `size` is an error (negative errno). */
    int64_t (*output)(struct la_drill_target *target, void *packet, size_t size, la_time *at, la_time until);
    /* Begins a call. True when it is over at once. One call may be pending at a time; beside it, getsockopt is
     * answered. */
    bool (*call)(struct la_drill_target *target, struct la_sys_call *call);
    /* Lets time pass until the pending call is over, or `until`. True when it is over. */
    bool (*wait)(struct la_drill_target *target, struct la_sys_call *call, la_time until);
    /* Gives the pending call up: its memory goes. No call is made after that. */
    void (*abandon)(struct la_drill_target *target, struct la_sys_call *call);
    /* Runs a shell command. 0: it succeeded; > 0 its exit status; negative: it could not be run. Its output and error
     * output, cut to `size`, are in `output`. -LA_EOPNOTSUPP: it needs something this target does not have
     * (`output` says what): the script is not applicable. */
    int (*command)(struct la_drill_target *target, const char *command, char *output, size_t size);
    /* What mechanism the target lacks that a call which failed with EOPNOTSUPP asked for; NULL: the error is the call's
     * own. May be NULL. */
    const char *(*refusal)(struct la_drill_target *target, const struct la_sys_call *call);
    /* The state of the connection between these two as seen by the target, or -LA_ENOENT. */
    int (*state)(struct la_drill_target *target, const struct la_endpoint *local, const struct la_endpoint *remote);
    /* A few lines that help to understand a failure: the connection's history, the last drop. May be NULL. */
    void (*explain)(struct la_drill_target *target, const struct la_endpoint *local, const struct la_endpoint *remote,
                    char *text, size_t size);
    void (*close)(struct la_drill_target *target);
};

/* What the runner cannot do itself. */
struct la_drill_host {
    void *ctx;
    /* The text of a file that a command names, relative to the script, valid until the next call; NULL: there is none,
     * or it is not text. May be NULL. */
    const char *(*read_file)(void *ctx, const char *path);
    unsigned pid; /* What $PPID is to a command; 0: not known, and commands that ask for it go to `shell`. */
    /* `sh -c command`, with a PATH where sysctl, ss, … reach la_drill_shim(target) and where /proc/sys/net and
     * /proc/net/tcp show `target`. Returns as la_drill_target.command. NULL: only what the runner's own small shell
     * can do. */
    int (*shell)(void *ctx, struct la_drill_target *target, const char *command, char *output, size_t size);
    /* python3 with this program. 0, or its exit status, with its output. NULL: scripts with code are not applicable. */
    int (*python)(void *ctx, const char *program, char *output, size_t size);
};

struct la_drill_stack_config {
    const char *profile;                    /* As la_config.profile; behind it, after spaces, settings as NAME=VALUE. */
    const struct la_drill_options *options; /* Of the script: addresses, MTU. */
    const struct la_drill_host *host;       /* May be NULL. */
    struct la_allocator alloc;
    unsigned first_fd; /* The lowest descriptor given out; 0 means 3. */
};

/* A fresh stack in virtual time, with one interface, its addresses and la_sys calls. 0 or a negative errno. */
int la_drill_stack_open(const struct la_drill_stack_config *config, struct la_drill_target **target);

/* The administrator's commands on a stack target: argv[0] is sysctl, sockstat, ss, netstat, nstat, tcpdrop, ip, tc,
 * ethtool … `input` is standard input, or NULL. Returns the exit status, -LA_ENOENT (no such command here) or
 * -LA_EOPNOTSUPP (`output` says what the stack does not have). What it prints, errors behind the rest, is in `output`,
 * cut to `size`. */
int la_drill_shim(struct la_drill_target *target, int argc, const char *const *argv, const char *input, char *output,
                  size_t size);

/* The names of these commands; NULL past the end. */
const char *la_drill_shim_name(unsigned i);

/* Walks the sysctls as files under /proc/sys ("net/ipv4/tcp_rmem", "4096\t131072\t6291456"); false past the end. */
bool la_drill_proc_sys(struct la_drill_target *target, unsigned i, char *path, size_t path_size, char *value,
                       size_t value_size);

/* The text of /proc/net/tcp, or of tcp6. */
void la_drill_proc_net(struct la_drill_target *target, bool ip6, char *text, size_t size);

/* --- Running --- */

enum la_drill_verdict {
    LA_DRILL_PASS,
    LA_DRILL_FAIL,
    LA_DRILL_NOT_APPLICABLE, /* It needs a mechanism that the target does not have; `text` names it. */
    LA_DRILL_BROKEN,         /* The script contradicts itself, or the host failed. */
};

/* One line of the wire, or one call, as it happened. */
struct la_drill_line {
    unsigned line;        /* In the script; 0: nothing stands for it there. */
    double at;            /* Seconds since the start. */
    const char *kind;     /* "<", ">", "call", "command", "code" */
    const char *expected; /* In script notation. */
    const char *actual;   /* In script notation: what came; NULL where that is just what was expected. */
    bool ok;
    int local_state;  /* enum la_state of the TCP under test after this; -1: none or unknown. */
    int remote_state; /* What the script's side is in, as its packets say; -1: none. */
};

struct la_drill_result {
    enum la_drill_verdict verdict;
    unsigned line;   /* Where it failed. */
    la_time took;    /* Target time. */
    char text[4096]; /* Why: first line the sentence, then expected and actual, the field, history, last drop. */
};

struct la_drill_run {
    const struct la_drill_script *script;
    const char *name; /* For messages. */
    struct la_drill_target *target;
    const struct la_drill_host *host;
    /* Hears every event; may be NULL. */
    void (*line)(void *ctx, const struct la_drill_line *line);
    void *ctx;
};

void la_drill_run(const struct la_drill_run *run, struct la_drill_result *result);

#endif
