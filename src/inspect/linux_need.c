#define _GNU_SOURCE
#include "linux_need.h"

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The first user namespace has this inode by the kernel's own definition (PROC_USER_INIT_INO). */
#define FIRST_USER_NAMESPACE 0xEFFFFFFDu

#define BIT(capability) (UINT64_C(1) << (capability))

const char *linux_need_of(enum linux_need need, uint32_t uid, uint64_t capabilities, bool contained) {
    static const struct {
        uint64_t first, also; /* The first, and any of the others. */
        const char *user, *root, *root_also;
    } needs[LINUX_NNEEDS] = {
        [LINUX_NEED_EXAMINE] = {BIT(CAP_SYS_PTRACE), BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_DAC_OVERRIDE),
                                "run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
                                "give it CAP_SYS_PTRACE, which root lacks here",
                                "give it CAP_DAC_READ_SEARCH, which root lacks here"},
        [LINUX_NEED_ENTER] = {BIT(CAP_SYS_ADMIN), BIT(CAP_SYS_ADMIN), "run as root, or with CAP_SYS_ADMIN",
                              "give it CAP_SYS_ADMIN, which root lacks here", NULL},
    };
    bool first = capabilities & needs[need].first, also = capabilities & needs[need].also;
    if (first && also) return contained ? "run as root of the host itself, outside of this user namespace" : NULL;
    return uid ? needs[need].user : first ? needs[need].root_also : needs[need].root;
}

const char *linux_need(enum linux_need need) {
    struct stat own;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct half[2] = {0};
    if (syscall(SYS_capget, &header, half)) half[0] = half[1] = (struct __user_cap_data_struct){0};
    bool contained = !stat("/proc/self/ns/user", &own) && own.st_ino != FIRST_USER_NAMESPACE;
    return linux_need_of(need, (uint32_t)geteuid(), (uint64_t)half[1].effective << 32 | half[0].effective, contained);
}
