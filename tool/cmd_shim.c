/* This program under the name of an administrator's command (sysctl, ss …): asks the runner that started the shell. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "drill_host.h"
#include "drill_wire.h"

#define EXIT_NO_RUNNER 125

static bool is_shim(const char *name) {
    const char *shim;
    for (unsigned i = 0; (shim = la_drill_shim_name(i)) != NULL; i++)
        if (!strcmp(shim, name)) return true;
    return false;
}

static int reach(const char *path) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0) return fd;
    close(fd);
    return -1;
}

/* The arguments one behind the other. `buffer` has room for DRILL_REQUEST_MAX bytes. */
static bool pack(int argc, char **argv, char *buffer, struct drill_request *request) {
    size_t len = 0;
    for (int n = 0; n < argc; n++) {
        size_t size = strlen(argv[n]) + 1;
        if (size > DRILL_REQUEST_MAX - len) return false;
        memcpy(buffer + len, argv[n], size);
        len += size;
    }
    *request = (struct drill_request){(uint32_t)argc, (uint32_t)len, 0};
    return true;
}

/* Only setkey reads its standard input; the others must leave it to who comes after them. */
static void add_input(const char *name, char *buffer, struct drill_request *request) {
    if (strcmp(name, "setkey") != 0 || isatty(STDIN_FILENO)) return;
    size_t room = DRILL_REQUEST_MAX - request->args_len;
    while (request->input_len < room) {
        ssize_t n = read(STDIN_FILENO, buffer + request->args_len + request->input_len, room - request->input_len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        request->input_len += (uint32_t)n;
    }
}

static bool ask(int fd, const char *name, int argc, char **argv, int *status) {
    static char request_bytes[DRILL_REQUEST_MAX], output[DRILL_REPLY_MAX];
    struct drill_request request;
    struct drill_reply reply;
    if (!pack(argc, argv, request_bytes, &request)) return false;
    add_input(name, request_bytes, &request);
    size_t len = request.args_len + request.input_len;
    if (!wire_write(fd, &request, sizeof request) || !wire_write(fd, request_bytes, len)) return false;
    if (!wire_read(fd, &reply, sizeof reply) || reply.len > sizeof output || !wire_read(fd, output, reply.len))
        return false;
    fwrite(output, 1, reply.len, reply.status ? stderr : stdout);
    *status = reply.status < 0 ? EXIT_NO_RUNNER : reply.status;
    return true;
}

void cmd_shim(int argc, char **argv) {
    const char *path = getenv(DRILL_SOCKET), *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
    int status = EXIT_NO_RUNNER;
    if (!path || !is_shim(name)) return;
    int fd = reach(path);
    if (fd < 0 || !ask(fd, name, argc, argv, &status))
        fprintf(stderr, "%s: the script's runner does not answer\n", name);
    fflush(NULL);
    _exit(status); /* What tools do at a normal exit may need a /proc with processes in it. */
}
