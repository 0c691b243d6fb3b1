/* The command's front door: finds the verb. */
#include "cmd.h"

#include "drill_host.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct verb verbs[] = {
    {"why", cmd_why, "what is wrong with TCP connections, who is at fault, what to do (also without a verb)"},
    {"ls", cmd_ls, "every connection: state, time in it, queues, timer, all owners"},
    {"watch", cmd_watch, "counts, slopes and findings as they come; the life of any connection"},
    {"fix", cmd_fix, "end or wake a stuck connection from outside: nudge, keepalive, close, reset"},
    {"export", cmd_export, "OpenMetrics for Prometheus"},
    {"ss", cmd_ss, "as ss(8) prints it"},
    {"netstat", cmd_netstat, "as netstat(8) prints it"},
    {"lsof", cmd_lsof, "as lsof(8) -i prints it"},
    {"drill", cmd_drill, "run packetdrill scripts against the stack in virtual time, or against the kernel"},
    {"tour", cmd_tour, "play connections between kernel programs and lastack; show both ends' states"},
    {"plot", cmd_plot, "a connection as a time-sequence picture, from a capture or from a simulation"},
    {"states", cmd_states, "the state machine as it is in the code: text, Markdown or a picture"},
};

#define NVERBS (sizeof verbs / sizeof verbs[0])

static void usage(FILE *to) {
    fputs("usage: lastack VERB [ARGUMENTS]\n"
          "       lastack VERB --help\n"
          "       lastack --help | --version\n"
          "\n"
          "TCP whose every state you can see, script, explain and cure. Verbs:\n",
          to);
    for (size_t i = 0; i < NVERBS; i++) fprintf(to, "  %-8s  %s\n", verbs[i].name, verbs[i].help);
    fputs(
        "\n"
        "Exit status: 0 all is as it should be, 1 something is not, 2 wrong usage or the machine does not allow it (a\n"
        "message says what to do); VERB --help says more.\n",
        to);
}

static const struct verb *verb_called(const char *name) {
    for (size_t i = 0; i < NVERBS; i++)
        if (!strcmp(name, verbs[i].name)) return &verbs[i];
    return NULL;
}

/* "lastack help" and "lastack help VERB" are what people try first. */
static int help(int argc, char **argv) {
    if (argc > 2) {
        const struct verb *verb = verb_called(argv[2]);
        char *args[] = {argv[2], "--help", NULL};
        if (verb) return verb->run(2, args);
        fprintf(stderr, "lastack: no verb is called \"%s\"\n", argv[2]);
        return EXIT_UNABLE;
    }
    usage(stdout);
    return EXIT_AS_SCRIPTED;
}

/* A standard descriptor that is closed would become the next thing that is opened, and output would go there. Opened
 * the wrong way round, it is still an error to use it. */
static void fill_standard(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) return;
}

/* Called through a link with the name of a listing that people know, it is that listing. */
static const struct verb *habit(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const struct verb *verb = verb_called(name);
    bool listing = verb && (verb->run == cmd_ss || verb->run == cmd_netstat || verb->run == cmd_lsof);
    return listing ? verb : NULL;
}

/* The exit status, unless what was printed did not get where it should: half a document must not pass for a whole one.
 */
static int written(int status) {
    if (!(fflush(stdout) || ferror(stdout)) || status == EXIT_UNABLE) return status;
    fputs("lastack: standard output took not all of it (a full disk?)\n", stderr);
    return EXIT_UNABLE;
}

int main(int argc, char **argv) {
    fill_standard();
    cmd_shim(argc, argv);
    const struct verb *verb = argc ? habit(argv[0]) : NULL;
    if (verb) return written(verb->run(argc, argv));
    const char *word = argc > 1 ? argv[1] : "why";
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) return help(argc, argv);
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        puts("lastack " LASTACK_VERSION);
        return EXIT_AS_SCRIPTED;
    }
    if (argc < 2 || *word == '-') return written(cmd_why(argc, argv));
    verb = verb_called(word);
    if (verb) return written(verb->run(argc - 1, argv + 1));
    fprintf(stderr, "lastack: no verb is called \"%s\"; lastack --help lists them\n", word);
    return EXIT_UNABLE;
}
