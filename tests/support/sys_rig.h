/* Two stacks joined by a wire that takes a millisecond, each with the socket calls of lastack/sys.h, and a clock that
 * the test moves.
 *
 *     int fd = (int)DO(A, SOCKET, AF_INET, SOCK_STREAM, 0);      a call that does not block
 *     struct la_sys_call c = CALL(ACCEPT, fd);                   one that does:
 *     assert_false(step(B, &c)); ... assert_true(finish(B, &c, 500));
 *
 * A is 10.0.0.1 and fd00::1, B is 10.0.0.2 and fd00::2. */
#ifndef SUPPORT_SYS_RIG_H
#define SUPPORT_SYS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lastack/info.h>
#include <lastack/stack.h>
#include <lastack/sys.h>

#include "oom.h"

struct sys_end {
    struct la_stack *stack;
    struct la_sys *sys;
};

struct sys_rig {
    struct sys_end end[2];
    la_time now;
    bool cut; /* The wire loses everything. */
    struct oom oom;
};

extern struct sys_rig sys_rig;
enum { A, B };

int sys_rig_setup(void **unused);
int sys_rig_teardown(void **unused);
#define SYS_TEST(f) cmocka_unit_test_setup_teardown(f, sys_rig_setup, sys_rig_teardown)

/* Pointers among the arguments need P(). */
#define P(pointer) ((uintptr_t)(pointer))
#define CALL(call, ...) ((struct la_sys_call){.nr = LA_SYS_##call, .arg = {__VA_ARGS__}})
/* Does a call that must be over at once; its result. */
#define DO(end, call, ...) sys_rig_do(end, CALL(call, __VA_ARGS__), __FILE__, __LINE__)
int64_t sys_rig_do(unsigned end, struct la_sys_call call, const char *file, int line);
bool step(unsigned end, struct la_sys_call *call);

/* Lets so many milliseconds pass: packets go both ways, timers fire. */
void pass(uint64_t ms);
/* The same until the call is over, `ms` at most. Whether it is over. */
bool finish(unsigned end, struct la_sys_call *call, uint64_t ms);

/* B listens on port 80, IPv4; A has connected to it without blocking; B has accepted. Descriptors. */
struct sys_pair {
    int listener, a, b;
};
struct sys_pair sys_pair_make(void);
/* A socket address: "10.0.0.2" or "fd00::2", port 80. Its length. */
int address(const char *text, uint16_t port, void *to);
int setsockint(unsigned end, int fd, int level, int name, int value);
int getsockint(unsigned end, int fd, int level, int name); /* A negative errno on failure. */

#endif
