/* The front door of the administrator's commands: finds the command by its name. */
#include "shim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The keys of TCP-MD5 (RFC 2385) are security associations; the stack has none. */
static int setkey(const struct shim *shim) { return shim_cannot(shim, "TCP-MD5 (RFC 2385)"); }

/* FreeBSD's loadable parts: none is loaded, none can be. */
static int kldstat(const struct shim *shim) {
    drill_text_add(shim->err, "kldstat: can't find module\n");
    return 1;
}

static int kldload(const struct shim *shim) {
    return shim_cannot(shim, "the kernel module %s", shim->argc > 1 ? shim->argv[shim->argc - 1] : "");
}

static const struct command {
    const char *name;
    int (*run)(const struct shim *shim);
} commands[] = {
    {"sysctl", shim_sysctl}, {"sockstat", shim_sockstat}, {"ss", shim_ss},           {"netstat", shim_netstat},
    {"nstat", shim_nstat},   {"tcpdrop", shim_tcpdrop},   {"ip", shim_ip},           {"tc", shim_tc},
    {"setkey", setkey},      {"kldstat", kldstat},        {"ethtool", shim_ethtool}, {"kldload", kldload},
};

#define NCOMMANDS (sizeof commands / sizeof commands[0])

static const struct command *find(const char *name) {
    const char *slash = strrchr(name, '/');
    if (slash) name = slash + 1;
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (!strcmp(commands[i].name, name)) return &commands[i];
    return NULL;
}

bool shim_known(const char *name) { return find(name) != NULL; }

const char *la_drill_shim_name(unsigned i) { return i < NCOMMANDS ? commands[i].name : NULL; }

int shim_run(const struct shim *shim) {
    const struct command *command = shim->argc > 0 ? find(shim->argv[0]) : NULL;
    int status = command ? command->run(shim) : -LA_ENOENT;
    drill_stack_drain(shim->t); /* A device may take packets again. */
    return status;
}

int shim_cannot(const struct shim *shim, const char *format, ...) {
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    drill_text_add(shim->err, "%s: the stack does not have %s\n", shim->argv[0], text);
    return -LA_EOPNOTSUPP;
}

/* Another target (the kernel's) has commands of its own. */
static bool is_stack(const struct la_drill_target *target) {
    return target && target->name && !strcmp(target->name, "stack");
}

int la_drill_shim(struct la_drill_target *target, int argc, const char *const *argv, const char *input, char *output,
                  size_t size) {
    char errors[2048];
    if (!is_stack(target) || !argv || !output || !size) return -LA_ENOENT;
    struct drill_text out = drill_text_in(output, size), err = drill_text_in(errors, sizeof errors);
    int status = shim_run(&(struct shim){drill_stack_of(target), argc, argv, input, &out, &err});
    drill_text_bytes(&out, err.at, err.len);
    return status;
}

bool la_drill_proc_sys(struct la_drill_target *target, unsigned i, char *path, size_t path_size, char *value,
                       size_t value_size) {
    char text[SYSCTL_TEXT];
    if (!is_stack(target) || !path_size || !value_size) return false;
    const struct drill_stack_target *t = drill_stack_of(target);
    const char *name = sysctl_linux_name(t, i);
    if (!name || sysctl_read(t, name, text) < 0) return false;
    snprintf(path, path_size, "%s", name);
    for (char *c = path; *c; c++)
        if (*c == '.') *c = '/';
    snprintf(value, value_size, "%s", text);
    return true;
}

void la_drill_proc_net(struct la_drill_target *target, bool ip6, char *text, size_t size) {
    struct drill_text out = drill_text_in(text, size);
    if (is_stack(target)) shim_proc_net(drill_stack_of(target), ip6, &out);
}
