/* The runner's host.
 *
 * A command that the small shell leaves to a real one runs as `sh -c`, a child of this process. The child's PATH begins
 * with a folder of links to this very program, or to the one of drill_host_program, under the names of the
 * administrator's commands; called so, it asks back over a Unix socket (cmd_shim.c), which is served here while the
 * child runs. /proc is a view (drill_proc.c).
 *
 * It owns one temporary folder for each process, with the links, the socket and the view, made when first needed and
 * removed when the process ends; what a killed process leaves, the next one that makes a folder takes away. A lock
 * tells the two apart. */
#define _GNU_SOURCE
#include "drill_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "drill_child.h"
#include "drill_proc.h"
#include "drill_wire.h"

#define PATH_SIZE 256
#define FILE_MAX 65536
#define MAX_ARGS 256
#define ATTEMPTS 5
#define TEMPORARY_MAX 64
#define FOLDER "lastack-drill-"
#define SYSTEM_PATH "/usr/sbin:/usr/bin:/sbin:/bin"

static struct host {
    struct la_drill_host api;
    char folder[TEMPORARY_MAX + 24]; /* "" before it is needed. */
    char restore[40];                /* What Google's helper leaves for a later command of the same script. */
    char file[FILE_MAX];             /* The last one that read_file read. */
    int lock, listener;
    struct proc_view view;
    bool has_said; /* That /proc cannot be shown. */
    /* Of the command that runs now. */
    struct la_drill_target *target;
    bool refused; /* It asked for something that the stack does not have: `why`. */
    char why[1024];
} host;

static const char *shim_program; /* NULL: this one. */

void drill_host_program(const char *path) { shim_program = path; }

/* --- The folder --- */

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw) {
    (void)stat, (void)kind;
    bool keeps = ftw->level == 0 || (ftw->level == 1 && !strcmp(path + ftw->base, "lock"));
    return keeps ? 0 : remove(path);
}

/* The lock goes last: what is removed in part can still be found abandoned. */
static void remove_tree(const char *path) {
    char lock[PATH_SIZE + 8];
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    snprintf(lock, sizeof lock, "%s/lock", path);
    unlink(lock);
    rmdir(path);
}

void drill_host_leave(void) {
    child_end();
    if (host.restore[0]) unlink(host.restore);
}

static void remove_folder(void) {
    if (!host.folder[0] || host.api.pid != (unsigned)getpid()) return; /* A fork's parent's. */
    remove_tree(host.folder);
    unlink(host.restore);
    if (host.listener >= 0) close(host.listener);
    close(host.lock);
    host.folder[0] = '\0';
}

/* The lock of a folder of ours, held as long as its process lives. -1: somebody has it, or it is not to be had. */
static int lock_folder(const char *folder, int flags) {
    char path[PATH_SIZE];
    struct stat stat;
    if (lstat(folder, &stat) < 0 || !S_ISDIR(stat.st_mode) || stat.st_uid != geteuid()) return -1;
    if (snprintf(path, sizeof path, "%s/lock", folder) >= (int)sizeof path) return -1;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
    if (fd < 0) return -1;
    /* Somebody may have removed it between the two. */
    if (lockf(fd, F_TLOCK, 0) == 0 && fstat(fd, &stat) == 0 && stat.st_nlink > 0) return fd;
    close(fd);
    return -1;
}

/* Where folders are made: TMPDIR where its name leaves room for a socket's address. */
static const char *temporary(void) {
    const char *dir = getenv("TMPDIR");
    return dir && *dir == '/' && strlen(dir) <= TEMPORARY_MAX ? dir : "/tmp";
}

void drill_host_remove_abandoned(void) {
    DIR *dir = opendir(temporary());
    struct dirent *entry;
    struct stat stat;
    while (dir && (entry = readdir(dir)) != NULL) {
        char path[PATH_SIZE];
        if (strncmp(entry->d_name, FOLDER, sizeof FOLDER - 1) != 0) continue;
        if (snprintf(path, sizeof path, "%s/%s", temporary(), entry->d_name) >= (int)sizeof path) continue;
        /* Who was killed before making his lock has not come back for a minute. */
        bool old = lstat(path, &stat) == 0 && stat.st_mtime < time(NULL) - 60;
        int lock = lock_folder(path, old ? O_CREAT : 0);
        if (lock < 0) continue;
        remove_tree(path);
        close(lock);
    }
    if (dir) closedir(dir);
}

static int make_links(void) {
    char self[4096], path[PATH_SIZE];
    const char *name;
    ssize_t len = shim_program ? 0 : readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0) return -errno;
    self[len] = '\0';
    snprintf(path, sizeof path, "%s/bin", host.folder);
    if (mkdir(path, 0755) < 0) return -errno;
    for (unsigned i = 0; (name = la_drill_shim_name(i)) != NULL; i++) {
        snprintf(path, sizeof path, "%s/bin/%s", host.folder, name);
        if (symlink(shim_program ? shim_program : self, path) < 0) return -errno;
    }
    return 0;
}

static int make_listener(void) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/socket", host.folder);
    host.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (host.listener < 0) return -errno;
    if (bind(host.listener, (struct sockaddr *)&addr, sizeof addr) < 0 || listen(host.listener, 16) < 0) return -errno;
    return 0;
}

static int make_folder(void) {
    char path[PATH_SIZE];
    if (host.folder[0]) return 0;
    drill_host_remove_abandoned();
    host.listener = -1;
    host.lock = -1;
    for (unsigned n = 0; host.lock < 0; n++) { /* Another process may have taken it for abandoned. */
        snprintf(host.folder, sizeof host.folder, "%s/" FOLDER "XXXXXX", temporary());
        if (n == ATTEMPTS || !mkdtemp(host.folder)) {
            host.folder[0] = '\0';
            return n == ATTEMPTS ? -LA_EAGAIN : -errno;
        }
        host.lock = lock_folder(host.folder, O_CREAT);
    }
    snprintf(path, sizeof path, "%s/proc", host.folder);
    int error = make_links();
    if (!error) error = make_listener();
    if (!error) error = proc_view_make(&host.view, path);
    if (error) remove_folder();
    return error;
}

/* --- Serving --- */

static bool read_request(int connection, char bytes[DRILL_REQUEST_MAX + 1], const char *argv[MAX_ARGS],
                         struct drill_request *request) {
    if (!wire_read(connection, request, sizeof *request)) return false;
    if (request->argc >= MAX_ARGS || request->args_len > DRILL_REQUEST_MAX ||
        request->input_len > DRILL_REQUEST_MAX - request->args_len ||
        !wire_read(connection, bytes, request->args_len + request->input_len))
        return false;
    bytes[request->args_len + request->input_len] = '\0';
    const char *at = bytes, *end = bytes + request->args_len;
    for (uint32_t n = 0; n < request->argc; n++) {
        const char *nul = memchr(at, '\0', (size_t)(end - at));
        if (!nul) return false;
        argv[n] = at;
        at = nul + 1;
    }
    argv[request->argc] = NULL;
    return true;
}

static void note(int status, const char *why) {
    if (status != -LA_EOPNOTSUPP || host.refused) return;
    host.refused = true;
    snprintf(host.why, sizeof host.why, "%.*s", (int)sizeof host.why - 1, why);
}

static void serve(void *ctx, int connection) {
    static char bytes[DRILL_REQUEST_MAX + 1], output[DRILL_REPLY_MAX];
    const struct timeval patience = {.tv_sec = 5};
    const char *argv[MAX_ARGS];
    struct drill_request request;
    (void)ctx;
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!read_request(connection, bytes, argv, &request)) return;
    note(proc_view_read(&host.view, host.target, output, sizeof output), output);
    int status = la_drill_shim(host.target, (int)request.argc, argv,
                               request.input_len ? bytes + request.args_len : NULL, output, sizeof output);
    note(status, output);
    proc_view_write(&host.view, host.target);
    struct drill_reply reply = {status, (uint32_t)strlen(output)};
    if (wire_write(connection, &reply, sizeof reply)) wire_write(connection, output, reply.len);
}

/* --- The shell --- */

/* In the child. The folder's own commands first, then the system's: a wrapper in somebody's PATH is not asked for. */
static void prepare(void *ctx) {
    char path[4096], number[16], socket_path[PATH_SIZE];
    const char *before = getenv("PATH");
    (void)ctx;
    if (host.view.shown && !proc_view_enter(&host.view)) _exit(126);
    snprintf(path, sizeof path, "%s/bin:" SYSTEM_PATH "%s%s", host.folder, before ? ":" : "", before ? before : "");
    snprintf(number, sizeof number, "%u", host.api.pid);
    snprintf(socket_path, sizeof socket_path, "%s/socket", host.folder);
    setenv("PATH", path, 1);
    setenv("PACKETDRILL_PID", number, 1);
    setenv(DRILL_SOCKET, socket_path, 1);
}

/* Without a view a command must not reach the machine's own settings. */
static bool needs_view(const char *command) { return strstr(command, "/proc/") || strstr(command, "/sys/"); }

static int refuse_view(char *output, size_t size) {
    snprintf(output, size,
             "it uses /proc or /sys, and this machine does not allow a mount namespace to show the "
             "stack's there\n");
    if (!host.has_said) fputs("lastack drill: without mount namespaces, commands that use /proc are not run\n", stderr);
    host.has_said = true;
    return -LA_EOPNOTSUPP;
}

static int run_shell(void *ctx, struct la_drill_target *target, const char *command, char *output, size_t size) {
    char text[512] = "";
    (void)ctx;
    int error = make_folder();
    if (error) {
        snprintf(output, size, "no temporary folder: %s\n", strerror(-error));
        return error;
    }
    if (!host.view.shown && needs_view(command)) return refuse_view(output, size);
    host.target = target;
    host.refused = false;
    proc_view_write(&host.view, target);
    char *argv[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
    struct child_job job = {.argv = argv,
                            .input = -1,
                            .listener = host.listener,
                            .prepare = prepare,
                            .serve = serve,
                            .output = output,
                            .size = size};
    int status = child_run(&job);
    int applied = proc_view_read(&host.view, target, text, sizeof text);
    note(applied, text);
    host.target = NULL;
    if (host.refused) {
        snprintf(output, size, "%s", host.why);
        return -LA_EOPNOTSUPP;
    }
    if (status == -ETIMEDOUT) snprintf(output, size, "it was still running after 10 s\n");
    if (applied > 0 && status == 0) {
        snprintf(output, size, "%s", text);
        return applied;
    }
    return status;
}

/* --- Python, and files --- */

static int run_python(void *ctx, const char *program, char *output, size_t size) {
    (void)ctx;
    static const char system_python[] = "/usr/bin/python3";
    size_t len = strlen(program);
    int input = memfd_create("program", MFD_CLOEXEC);
    if (input < 0) return -errno;
    if (write(input, program, len) != (ssize_t)len || lseek(input, 0, SEEK_SET) < 0) {
        close(input);
        return -LA_ENOMEM;
    }
    char *argv[] = {access(system_python, X_OK) == 0 ? (char *)(uintptr_t)system_python : "python3", "-S", "-E", "-",
                    NULL};
    struct child_job job = {.argv = argv, .input = input, .listener = -1, .output = output, .size = size};
    int status = child_run(&job);
    close(input);
    if (status == -ETIMEDOUT) snprintf(output, size, "it was still running after 10 s\n");
    return status;
}

/* Only what a shell would run: a plain file that may be executed. */
static const char *read_file(void *ctx, const char *path) {
    struct stat stat;
    (void)ctx;
    if (access(path, X_OK) < 0) return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return NULL;
    bool fits = fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size < FILE_MAX;
    ssize_t n = fits ? read(fd, host.file, FILE_MAX - 1) : -1;
    close(fd);
    if (n < 0 || memchr(host.file, '\0', (size_t)n)) return NULL;
    host.file[n] = '\0';
    return host.file;
}

const struct la_drill_host *drill_host(void) {
    static bool registered; /* Once: a fork's children inherit it. */
    if (host.api.pid != (unsigned)getpid()) {
        memset(&host, 0, sizeof host);
        host.api = (struct la_drill_host){
            .read_file = read_file, .pid = (unsigned)getpid(), .shell = run_shell, .python = run_python};
        snprintf(host.restore, sizeof host.restore, "/tmp/sysctl_restore_%u.sh", host.api.pid);
    }
    if (!registered) registered = atexit(remove_folder) == 0;
    return &host.api;
}
