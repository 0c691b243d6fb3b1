/* Functions of libc that the tool calls itself, past its interface to the TCP under test. Where this library is
 * preloaded, these take their place. */
#define _GNU_SOURCE
#include "plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* The function that stands behind one of ours. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

bool preload_works(void) {
    unsetenv("LD_PRELOAD");
    return (__typeof__(&system))dlsym(RTLD_DEFAULT, "system") == system;
}

/* A code block's look at its connection. The tool insists on its own version of a structure, so what is missing at the
 * end counts as zero, and on an answer about congestion control, which may be empty. */
EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
    if (fd < FIRST_FD) return NEXT(getsockopt)(fd, level, name, value, len);
    if (level == IPPROTO_TCP && name == TCP_CC_INFO) {
        *len = 0;
        return 0;
    }
    socklen_t wanted = *len;
    memset(value, 0, wanted);
    int result = plugin_getsockopt(fd, level, name, value, len);
    *len = wanted;
    return result;
}

/* At its end the tool closes what the script has left open. */
EXPORT int close(int fd) { return fd < FIRST_FD ? NEXT(close)(fd) : plugin_close(fd); }

EXPORT int system(const char *command) { return command ? plugin_command(command) << 8 : 1; }

/* The tool's first thread waits for its second one. The real time that it waits is time for the stack. */
EXPORT int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until) {
    if (!plugin_await()) return ETIMEDOUT;
    return NEXT(pthread_cond_timedwait)(condition, lock, until);
}

/* The second thread signals when it is ready for the next call. */
EXPORT int pthread_cond_signal(pthread_cond_t *condition) {
    plugin_rest();
    return NEXT(pthread_cond_signal)(condition);
}

/* The tool begins between two ticks, after having seen ten go by. */
EXPORT clock_t times(struct tms *times) {
    static clock_t ticks;
    (void)times;
    return ++ticks;
}

/* Virtual time needs neither memory that is locked nor priority: these take root's rights. */
EXPORT int mlockall(int flags) {
    (void)flags;
    return 0;
}

EXPORT int sched_setscheduler(pid_t pid, int policy, const struct sched_param *param) {
    (void)pid, (void)policy, (void)param;
    return 0;
}
