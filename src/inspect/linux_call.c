/* The system call that a thread is in.
 *
 * Numbers differ between architectures, and each has some calls under two names or lacks them: the table takes what
 * <sys/syscall.h> offers on the one it is built for. Calls with 64-bit times go by their plain name. A program of
 * another architecture (32-bit on a 64-bit host) has other numbers: whoever asks has to see to that (linux_threads.c).
 */
#define _GNU_SOURCE
#include "linux_call.h"

#include <linux/net.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

/* clang-format off */
static const struct call calls[] = {
#ifdef SYS_read
    {SYS_read, "read", CALL_READS},
#endif
#ifdef SYS_readv
    {SYS_readv, "readv", CALL_READS},
#endif
#ifdef SYS_pread64
    {SYS_pread64, "pread64", CALL_READS},
#endif
#ifdef SYS_preadv
    {SYS_preadv, "preadv", CALL_READS},
#endif
#ifdef SYS_preadv2
    {SYS_preadv2, "preadv2", CALL_READS},
#endif
#ifdef SYS_recv
    {SYS_recv, "recv", CALL_READS},
#endif
#ifdef SYS_recvfrom
    {SYS_recvfrom, "recvfrom", CALL_READS},
#endif
#ifdef SYS_recvmsg
    {SYS_recvmsg, "recvmsg", CALL_READS},
#endif
#ifdef SYS_recvmmsg
    {SYS_recvmmsg, "recvmmsg", CALL_READS},
#endif
#ifdef SYS_recvmmsg_time64
    {SYS_recvmmsg_time64, "recvmmsg", CALL_READS},
#endif
#ifdef SYS_accept
    {SYS_accept, "accept", CALL_READS},
#endif
#ifdef SYS_accept4
    {SYS_accept4, "accept4", CALL_READS},
#endif
#ifdef SYS_write
    {SYS_write, "write", CALL_WRITES},
#endif
#ifdef SYS_writev
    {SYS_writev, "writev", CALL_WRITES},
#endif
#ifdef SYS_pwrite64
    {SYS_pwrite64, "pwrite64", CALL_WRITES},
#endif
#ifdef SYS_pwritev
    {SYS_pwritev, "pwritev", CALL_WRITES},
#endif
#ifdef SYS_pwritev2
    {SYS_pwritev2, "pwritev2", CALL_WRITES},
#endif
#ifdef SYS_send
    {SYS_send, "send", CALL_WRITES},
#endif
#ifdef SYS_sendto
    {SYS_sendto, "sendto", CALL_WRITES},
#endif
#ifdef SYS_sendmsg
    {SYS_sendmsg, "sendmsg", CALL_WRITES},
#endif
#ifdef SYS_sendmmsg
    {SYS_sendmmsg, "sendmmsg", CALL_WRITES},
#endif
#ifdef SYS_connect
    {SYS_connect, "connect", CALL_WRITES},
#endif
#ifdef SYS_sendfile
    {SYS_sendfile, "sendfile", CALL_SENDFILE},
#endif
#ifdef SYS_sendfile64
    {SYS_sendfile64, "sendfile", CALL_SENDFILE},
#endif
#ifdef SYS_splice
    {SYS_splice, "splice", CALL_SPLICE},
#endif
#ifdef SYS_tee
    {SYS_tee, "tee", CALL_TEE},
#endif
#ifdef SYS_poll
    {SYS_poll, "poll", CALL_POLL},
#endif
#ifdef SYS_ppoll
    {SYS_ppoll, "ppoll", CALL_POLL},
#endif
#ifdef SYS_ppoll_time64
    {SYS_ppoll_time64, "ppoll", CALL_POLL},
#endif
#ifdef SYS_select
    {SYS_select, "select", CALL_SELECT},
#endif
#ifdef SYS__newselect
    {SYS__newselect, "select", CALL_SELECT},
#endif
#ifdef SYS_pselect6
    {SYS_pselect6, "pselect6", CALL_SELECT},
#endif
#ifdef SYS_pselect6_time64
    {SYS_pselect6_time64, "pselect6", CALL_SELECT},
#endif
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, "epoll_wait", CALL_EPOLL_WAIT},
#endif
#ifdef SYS_epoll_pwait
    {SYS_epoll_pwait, "epoll_pwait", CALL_EPOLL_WAIT},
#endif
#ifdef SYS_epoll_pwait2
    {SYS_epoll_pwait2, "epoll_pwait2", CALL_EPOLL_WAIT},
#endif
#ifdef SYS_io_uring_enter
    {SYS_io_uring_enter, "io_uring_enter", CALL_URING},
#endif
#ifdef SYS_restart_syscall
    {SYS_restart_syscall, "restart_syscall", CALL_RESTARTED},
#endif
#ifdef SYS_close
    {SYS_close, "close", CALL_ON_FD},
#endif
#ifdef SYS_shutdown
    {SYS_shutdown, "shutdown", CALL_ON_FD},
#endif
#ifdef SYS_fcntl
    {SYS_fcntl, "fcntl", CALL_ON_FD},
#endif
#ifdef SYS_fcntl64
    {SYS_fcntl64, "fcntl", CALL_ON_FD},
#endif
#ifdef SYS_ioctl
    {SYS_ioctl, "ioctl", CALL_ON_FD},
#endif
#ifdef SYS_fsync
    {SYS_fsync, "fsync", CALL_ON_FD},
#endif
#ifdef SYS_fdatasync
    {SYS_fdatasync, "fdatasync", CALL_ON_FD},
#endif
#ifdef SYS_flock
    {SYS_flock, "flock", CALL_ON_FD},
#endif
#ifdef SYS_ftruncate
    {SYS_ftruncate, "ftruncate", CALL_ON_FD},
#endif
#ifdef SYS_fallocate
    {SYS_fallocate, "fallocate", CALL_ON_FD},
#endif
#ifdef SYS_lseek
    {SYS_lseek, "lseek", CALL_ON_FD},
#endif
#ifdef SYS_fstat
    {SYS_fstat, "fstat", CALL_ON_FD},
#endif
#ifdef SYS_getdents64
    {SYS_getdents64, "getdents64", CALL_ON_FD},
#endif
#ifdef SYS_setsockopt
    {SYS_setsockopt, "setsockopt", CALL_ON_FD},
#endif
#ifdef SYS_getsockopt
    {SYS_getsockopt, "getsockopt", CALL_ON_FD},
#endif
#ifdef SYS_vmsplice
    {SYS_vmsplice, "vmsplice", CALL_ON_FD},
#endif
#ifdef SYS_epoll_ctl
    {SYS_epoll_ctl, "epoll_ctl", CALL_ON_FD},
#endif
#ifdef SYS_sync_file_range
    {SYS_sync_file_range, "sync_file_range", CALL_ON_FD},
#endif
#ifdef SYS_futex
    {SYS_futex, "futex", CALL_OTHER},
#endif
#ifdef SYS_futex_time64
    {SYS_futex_time64, "futex", CALL_OTHER},
#endif
#ifdef SYS_futex_wait
    {SYS_futex_wait, "futex_wait", CALL_OTHER},
#endif
#ifdef SYS_futex_waitv
    {SYS_futex_waitv, "futex_waitv", CALL_OTHER},
#endif
#ifdef SYS_nanosleep
    {SYS_nanosleep, "nanosleep", CALL_OTHER},
#endif
#ifdef SYS_clock_nanosleep
    {SYS_clock_nanosleep, "clock_nanosleep", CALL_OTHER},
#endif
#ifdef SYS_clock_nanosleep_time64
    {SYS_clock_nanosleep_time64, "clock_nanosleep", CALL_OTHER},
#endif
#ifdef SYS_wait4
    {SYS_wait4, "wait4", CALL_OTHER},
#endif
#ifdef SYS_waitid
    {SYS_waitid, "waitid", CALL_OTHER},
#endif
#ifdef SYS_waitpid
    {SYS_waitpid, "waitpid", CALL_OTHER},
#endif
#ifdef SYS_pause
    {SYS_pause, "pause", CALL_OTHER},
#endif
#ifdef SYS_rt_sigsuspend
    {SYS_rt_sigsuspend, "rt_sigsuspend", CALL_OTHER},
#endif
#ifdef SYS_rt_sigtimedwait
    {SYS_rt_sigtimedwait, "rt_sigtimedwait", CALL_OTHER},
#endif
#ifdef SYS_rt_sigtimedwait_time64
    {SYS_rt_sigtimedwait_time64, "rt_sigtimedwait", CALL_OTHER},
#endif
#ifdef SYS_open
    {SYS_open, "open", CALL_OTHER},
#endif
#ifdef SYS_openat
    {SYS_openat, "openat", CALL_OTHER},
#endif
#ifdef SYS_openat2
    {SYS_openat2, "openat2", CALL_OTHER},
#endif
#ifdef SYS_stat
    {SYS_stat, "stat", CALL_OTHER},
#endif
#ifdef SYS_newfstatat
    {SYS_newfstatat, "newfstatat", CALL_OTHER},
#endif
#ifdef SYS_statx
    {SYS_statx, "statx", CALL_OTHER},
#endif
#ifdef SYS_unlink
    {SYS_unlink, "unlink", CALL_OTHER},
#endif
#ifdef SYS_rename
    {SYS_rename, "rename", CALL_OTHER},
#endif
#ifdef SYS_sync
    {SYS_sync, "sync", CALL_OTHER},
#endif
#ifdef SYS_sched_yield
    {SYS_sched_yield, "sched_yield", CALL_OTHER},
#endif
#ifdef SYS_msgrcv
    {SYS_msgrcv, "msgrcv", CALL_OTHER},
#endif
#ifdef SYS_msgsnd
    {SYS_msgsnd, "msgsnd", CALL_OTHER},
#endif
#ifdef SYS_semop
    {SYS_semop, "semop", CALL_OTHER},
#endif
#ifdef SYS_semtimedop
    {SYS_semtimedop, "semtimedop", CALL_OTHER},
#endif
#ifdef SYS_semtimedop_time64
    {SYS_semtimedop_time64, "semtimedop", CALL_OTHER},
#endif
#ifdef SYS_mq_timedreceive
    {SYS_mq_timedreceive, "mq_timedreceive", CALL_OTHER},
#endif
#ifdef SYS_mq_timedsend
    {SYS_mq_timedsend, "mq_timedsend", CALL_OTHER},
#endif
#ifdef SYS_io_getevents
    {SYS_io_getevents, "io_getevents", CALL_OTHER},
#endif
#ifdef SYS_io_pgetevents
    {SYS_io_pgetevents, "io_pgetevents", CALL_OTHER},
#endif
#ifdef SYS_process_vm_readv
    {SYS_process_vm_readv, "process_vm_readv", CALL_OTHER},
#endif
#ifdef SYS_ptrace
    {SYS_ptrace, "ptrace", CALL_OTHER},
#endif
#ifdef SYS_execve
    {SYS_execve, "execve", CALL_OTHER},
#endif
#ifdef SYS_vfork
    {SYS_vfork, "vfork", CALL_OTHER},
#endif
#ifdef SYS_clone
    {SYS_clone, "clone", CALL_OTHER},
#endif
#ifdef SYS_clone3
    {SYS_clone3, "clone3", CALL_OTHER},
#endif
#ifdef SYS_exit
    {SYS_exit, "exit", CALL_OTHER},
#endif
#ifdef SYS_exit_group
    {SYS_exit_group, "exit_group", CALL_OTHER},
#endif
#ifdef SYS_madvise
    {SYS_madvise, "madvise", CALL_OTHER},
#endif
#ifdef SYS_mmap
    {SYS_mmap, "mmap", CALL_OTHER},
#endif
#ifdef SYS_munmap
    {SYS_munmap, "munmap", CALL_OTHER},
#endif
#ifdef SYS_mprotect
    {SYS_mprotect, "mprotect", CALL_OTHER},
#endif
#ifdef SYS_brk
    {SYS_brk, "brk", CALL_OTHER},
#endif
#ifdef SYS_getrandom
    {SYS_getrandom, "getrandom", CALL_OTHER},
#endif
#ifdef SYS_socketcall
    {SYS_socketcall, "socketcall", CALL_SOCKET},
#endif
#ifdef SYS_copy_file_range
    {SYS_copy_file_range, "copy_file_range", CALL_OTHER},
#endif
};
/* clang-format on */

const struct call *call_by_number(long number) {
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number == number) return &calls[i];
    return NULL;
}

/* Architectures that came to Linux early have one call for all of sockets, and their libc still uses it. */
static const struct call socket_calls[] = {
    {SYS_CONNECT, "connect", CALL_WRITES},   {SYS_ACCEPT, "accept", CALL_READS},
    {SYS_SEND, "sendto", CALL_WRITES},       {SYS_RECV, "recvfrom", CALL_READS},
    {SYS_SENDTO, "sendto", CALL_WRITES},     {SYS_RECVFROM, "recvfrom", CALL_READS},
    {SYS_SENDMSG, "sendmsg", CALL_WRITES},   {SYS_RECVMSG, "recvmsg", CALL_READS},
    {SYS_ACCEPT4, "accept4", CALL_READS},    {SYS_RECVMMSG, "recvmmsg", CALL_READS},
    {SYS_SENDMMSG, "sendmmsg", CALL_WRITES},
};

const struct call *call_by_socket_number(uint64_t number) {
    for (size_t i = 0; i < sizeof socket_calls / sizeof *socket_calls; i++)
        if ((uint64_t)socket_calls[i].number == number) return &socket_calls[i];
    return NULL;
}

bool call_parse(const char *text, struct call_now *now) {
    char *end;
    uint64_t place[2]; /* Stack and program counter. */
    memset(now, 0, sizeof *now);
    if (!strncmp(text, "running", 7)) return true;
    now->number = strtol(text, &end, 10);
    if (end == text) return false;
    size_t wanted = now->number < 0 ? 0 : 6;
    for (size_t i = 0; i < wanted + 2; i++) {
        char *at = end;
        uint64_t value = strtoull(at, &end, 16);
        if (end == at) return false;
        *(i < wanted ? &now->argument[i] : &place[i - wanted]) = value;
    }
    /* Workers of an io_uring have never been in user space: what is told is their creator's call. */
    now->in_call = now->number >= 0 && (place[0] || place[1]);
    return true;
}
