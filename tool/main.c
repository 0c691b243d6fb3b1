/* The command's front door: finds the verb. */
#include "cmd.h"

#include "drill_host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct verb verbs[] = {
    {"drill", cmd_drill, "run packetdrill scripts against the stack in virtual time, or against the kernel"},
    {"states", cmd_states, "the state machine as it is in the code: text, Markdown or a picture"},
    {"tour", cmd_tour, "play connections between kernel programs and lastack; show both ends' states"},
};

#define NVERBS (sizeof verbs / sizeof verbs[0])

static void usage(FILE *to) {
    fputs("usage: lastack VERB [ARGUMENTS]\n"
          "       lastack VERB --help\n"
          "       lastack --help | --version\n"
          "\n"
          "TCP whose every state you can see. Verbs:\n",
          to);
    for (size_t i = 0; i < NVERBS; i++) fprintf(to, "  %-8s  %s\n", verbs[i].name, verbs[i].help);
    fputs("\n"
          "Exit status: 0 all went as scripted, 1 a connection did otherwise, 2 wrong usage or the machine does not\n"
          "allow it (a message says what to do).\n",
          to);
}

/* "lastack help" and "lastack help VERB" are what people try first. */
static int help(int argc, char **argv) {
    if (argc > 2) {
        for (size_t i = 0; i < NVERBS; i++) {
            char *args[] = {argv[2], "--help", NULL};
            if (!strcmp(argv[2], verbs[i].name)) return verbs[i].run(2, args);
        }
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

int main(int argc, char **argv) {
    fill_standard();
    cmd_shim(argc, argv);
    if (argc < 2) {
        usage(stderr);
        return EXIT_UNABLE;
    }
    const char *word = argv[1];
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) return help(argc, argv);
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        puts("lastack " LASTACK_VERSION);
        return EXIT_AS_SCRIPTED;
    }
    for (size_t i = 0; i < NVERBS; i++)
        if (!strcmp(word, verbs[i].name)) return verbs[i].run(argc - 1, argv + 1);
    fprintf(stderr, "lastack: no verb is called \"%s\"; lastack --help lists them\n", word);
    return EXIT_UNABLE;
}
