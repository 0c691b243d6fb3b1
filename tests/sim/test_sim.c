/* The simulator over many seeds, and over failing memory. See src/sim/sim.h for what a seed makes and what is checked.
 *
 *     test_sim                      seeds 1 to 2000, then failing memory for some of them
 *     test_sim --seeds 1..50000     others (or LASTACK_SEEDS=50000); --no-memory: without the second part
 *     test_sim --seed 7 [-v]        one seed; -v prints every segment, move and call with its virtual time
 *              [--fail 31 [--more 5]]   refusing the 31st allocation (and 5 more; --more all: all later ones)
 *              [--pcap FILE]            all packets sent, for Wireshark
 *
 * A failure prints the command that replays it. */
#define _GNU_SOURCE
#include <lastack/dev.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/sim.h"

enum {
    SEEDS = 2000,
    MEMORY_SEEDS = 40,  /* Scenarios that are run with failing memory … */
    MEMORY_RUNS = 30,   /* … so many times each, at places spread over all its allocations. */
    REPEAT_EVERY = 100, /* Every so manieth seed runs twice: equal runs must be equal. */
    SHOWN_MAX = 20,     /* Failures printed. */
};

struct options {
    const char *program;
    uint64_t from, to;
    bool one, verbose, memory;
    uint64_t fail_nth, fail_more;
    const char *pcap;
};

struct tally {
    uint64_t passed, failed;
    uint64_t connections, completed, packets, lost, corrupted, duplicated, reordered, invented, bytes;
};

/* --- One run --- */

static void say(void *ctx, const char *line) {
    (void)ctx;
    puts(line);
}

static void record(void *ctx, la_time at, unsigned host, bool ethernet, const uint8_t *data, size_t len) {
    struct la_pcap **pcap = ctx;
    struct la_packet packet = {.len = len, .nspans = 1, .span = {{data, len}}};
    (void)ethernet;
    la_pcap_write(*pcap, host ? LA_DIR_IN : LA_DIR_OUT, &packet, NULL, at);
}

static void look_at_link(void *ctx, la_time at, unsigned host, bool ethernet, const uint8_t *data, size_t len) {
    (void)at, (void)host, (void)data, (void)len;
    *(bool *)ctx = ethernet;
}

/* The whole scenario into a file. It runs once before, because the file's first lines tell what links there are. */
static void write_pcap(const struct options *options) {
    bool ethernet = false;
    struct sim_result result;
    struct la_pcap *pcap = NULL;
    struct sim_config config = {.seed = options->from, .fail_nth = options->fail_nth, .fail_more = options->fail_more};
    config.packet = look_at_link;
    config.ctx = &ethernet;
    sim_run(&config, &result);
    struct la_pcap_config file = {.path = options->pcap, .link = ethernet ? LA_LINK_ETHERNET : LA_LINK_IP};
    int rc = la_pcap_create(NULL, &file, &pcap);
    if (rc == 0) {
        config.packet = record;
        config.ctx = &pcap;
        sim_run(&config, &result);
        rc = la_pcap_end(pcap);
    }
    if (rc) fprintf(stderr, "%s: %s\n", options->pcap, la_errno_text(-rc));
}

static void count(struct tally *tally, const struct sim_result *result) {
    tally->connections += result->connections;
    tally->completed += result->completed;
    tally->packets += result->packets;
    tally->lost += result->lost;
    tally->corrupted += result->corrupted;
    tally->duplicated += result->duplicated;
    tally->reordered += result->reordered;
    tally->invented += result->invented;
    tally->bytes += result->bytes;
}

static void tell_failure(const struct options *options, const struct sim_config *config, const char *why,
                         const struct tally *tally) {
    if (tally->failed > SHOWN_MAX) return;
    printf("\nseed %" PRIu64 " FAILED: %s\n    replay: %s --seed %" PRIu64, config->seed, why, options->program,
           config->seed);
    if (config->fail_nth) printf(" --fail %" PRIu64, config->fail_nth);
    if (config->fail_more == UINT64_MAX)
        printf(" --more all");
    else if (config->fail_more)
        printf(" --more %" PRIu64, config->fail_more);
    printf(" -v\n");
    fflush(stdout);
}

/* What is said when the process dies in the middle: sanitizers and the stack's own checks end it by a signal. */
static char last_words[300];
static size_t last_words_len;

static void dies(int number) {
    ssize_t written = write(STDOUT_FILENO, last_words, last_words_len);
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_death(void) {
    static const int deadly[] = {SIGABRT, SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) signal(deadly[i], dies);
}

static void prepare_last_words(const struct options *options, const struct sim_config *config) {
    int n = snprintf(last_words, sizeof last_words,
                     "\nseed %" PRIu64 " DIED\n    replay: %s --seed %" PRIu64 " --fail %" PRIu64 " --more %" PRIu64
                     " -v\n",
                     config->seed, options->program, config->seed, config->fail_nth, config->fail_more);
    last_words_len = n < 0 ? 0 : (size_t)n < sizeof last_words ? (size_t)n : sizeof last_words - 1;
}

static bool run(const struct options *options, const struct sim_config *config, struct sim_result *result,
                struct tally *tally) {
    prepare_last_words(options, config);
    sim_run(config, result);
    count(tally, result);
    if (result->ok) {
        tally->passed++;
        return true;
    }
    tally->failed++;
    tell_failure(options, config, result->why, tally);
    return false;
}

/* --- Many --- */

static void progress(const char *what, uint64_t at, uint64_t of, const struct tally *tally) {
    static bool asked, terminal;
    if (!asked) terminal = isatty(1);
    asked = true;
    if (!terminal || at % 10) return;
    printf("\r%s %" PRIu64 " of %" PRIu64 ", %" PRIu64 " failed ", what, at, of, tally->failed);
    fflush(stdout);
}

static void run_seeds(const struct options *options, struct tally *tally) {
    for (uint64_t seed = options->from; seed <= options->to; seed++) {
        struct sim_config config = {.seed = seed};
        struct sim_result result, again;
        progress("seed", seed - options->from + 1, options->to - options->from + 1, tally);
        if (!run(options, &config, &result, tally) || seed % REPEAT_EVERY) continue;
        sim_run(&config, &again);
        if (again.ok && again.digest == result.digest && again.packets == result.packets) continue;
        tally->failed++;
        tell_failure(options, &config, "a second run was not equal to the first", tally);
    }
}

/* Refuses one allocation, a few, or all until the network heals, at places spread over the whole run. The places move
 * with the seed, so that many seeds meet every one. */
static void run_memory(const struct options *options, struct tally *tally) {
    for (uint64_t i = 0; i < MEMORY_SEEDS; i++) {
        struct sim_config config = {.seed = options->from + i};
        struct sim_result result;
        sim_run(&config, &result);
        uint64_t all = result.allocations ? result.allocations : 1;
        for (uint64_t r = 0; r < MEMORY_RUNS; r++) {
            config.fail_nth = 1 + (all * r / MEMORY_RUNS + i * 7 + r) % all;
            config.fail_more = r % 4 == 3 ? UINT64_MAX : r % 4 == 2 ? 5 : 0;
            progress("failing memory", i * MEMORY_RUNS + r, MEMORY_SEEDS * MEMORY_RUNS, tally);
            run(options, &config, &result, tally);
        }
    }
}

static int run_one(const struct options *options) {
    struct sim_config config = {.seed = options->from, .fail_nth = options->fail_nth, .fail_more = options->fail_more};
    struct sim_result result;
    struct tally tally = {0};
    if (options->verbose) config.say = say;
    if (options->pcap) write_pcap(options);
    bool ok = run(options, &config, &result, &tally);
    printf("seed %" PRIu64 ": %s. %u connections, %u complete; %" PRIu64 " packets, %" PRIu64 " allocations, %" PRIu64
           ".%03" PRIu64 " s\n",
           config.seed, ok ? "passed" : "FAILED", result.connections, result.completed, result.packets,
           result.allocations, (uint64_t)(result.took / LA_SECOND), (uint64_t)(result.took % LA_SECOND / LA_MS));
    return ok ? 0 : 1;
}

static void tell_tally(const struct tally *t) {
    printf("%s%" PRIu64 " runs: %" PRIu64 " connections, %" PRIu64 " complete; %" PRIu64 " packets, %" PRIu64
           " lost, %" PRIu64 " reordered, %" PRIu64 " duplicated, %" PRIu64 " corrupted, %" PRIu64 " made up; %" PRIu64
           " MB read\n",
           isatty(1) ? "\r" : "", t->passed + t->failed, t->connections, t->completed, t->packets, t->lost,
           t->reordered, t->duplicated, t->corrupted, t->invented, t->bytes / 1000000);
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", t->passed, t->failed);
}

/* --- Arguments --- */

static void usage(void) {
    fprintf(stderr, "usage: test_sim [--seeds FROM..TO] [--no-memory] | --seed N [-v] [--fail NTH [--more N|all]] "
                    "[--pcap FILE]\n");
    exit(2);
}

static uint64_t number(const char *text, const char **end) {
    char *stop;
    uint64_t n = strtoull(text, &stop, 10);
    if (stop == text) usage();
    *end = stop;
    return n;
}

static void read_range(struct options *options, const char *text) {
    const char *rest;
    uint64_t n = number(text, &rest);
    options->from = 1;
    options->to = n;
    if (strncmp(rest, "..", 2) == 0) {
        options->from = n;
        options->to = number(rest + 2, &rest);
    }
    if (*rest || options->to < options->from) usage();
}

static void read_argument(struct options *options, const char *name, const char *value) {
    const char *rest = "";
    if (strcmp(name, "--seeds") == 0) {
        read_range(options, value);
    } else if (strcmp(name, "--seed") == 0) {
        options->one = true;
        options->from = options->to = number(value, &rest);
    } else if (strcmp(name, "--fail") == 0) {
        options->fail_nth = number(value, &rest);
    } else if (strcmp(name, "--more") == 0) {
        options->fail_more = strcmp(value, "all") == 0 ? UINT64_MAX : number(value, &rest);
    } else if (strcmp(name, "--pcap") == 0) {
        options->pcap = value;
    } else {
        usage();
    }
    if (*rest) usage();
}

static struct options read_arguments(int argc, char **argv) {
    struct options options = {.program = argv[0], .from = 1, .to = SEEDS, .memory = true};
    const char *seeds = getenv("LASTACK_SEEDS");
    if (seeds && *seeds) read_range(&options, seeds);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0) {
            options.verbose = true;
        } else if (strcmp(argv[i], "--no-memory") == 0) {
            options.memory = false;
        } else {
            if (i + 1 == argc) usage();
            read_argument(&options, argv[i], argv[i + 1]);
            i++;
        }
    }
    return options;
}

int main(int argc, char **argv) {
    struct options options = read_arguments(argc, argv);
    struct tally tally = {0};
    catch_death();
    if (options.one) return run_one(&options);
    run_seeds(&options, &tally);
    if (options.memory) run_memory(&options, &tally);
    tell_tally(&tally);
    return tally.failed ? 1 : 0;
}
