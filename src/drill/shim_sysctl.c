/* `sysctl` as on Linux and on FreeBSD: the name decides which of the two answers. */
#include "shim.h"

#include <stdio.h>
#include <string.h>

struct flags {
    bool quiet, bare, ignore, all;
};

static bool is_bsd(const char *name) { return !strncmp(name, "kern.", 5) || !strncmp(name, "net.inet", 8); }

static int complain(const struct shim *shim, const char *name, int error, const char *why) {
    if (error == -LA_EOPNOTSUPP && why) return shim_cannot(shim, "%s", why);
    if (error == -LA_ENOENT && is_bsd(name))
        drill_text_add(shim->err, "sysctl: unknown oid '%s'\n", name);
    else if (error == -LA_ENOENT)
        drill_text_add(shim->err, "sysctl: cannot stat /proc/sys/%s: No such file or directory\n", name);
    else
        drill_text_add(shim->err, "sysctl: setting \"%s\": %s\n", name, la_errno_text(-error));
    return 1;
}

static int show(const struct shim *shim, const struct flags *flags, const char *name) {
    char value[SYSCTL_TEXT];
    int error = sysctl_read(shim->t, name, value);
    if (error == -LA_ENOENT && flags->ignore) return 0;
    if (error < 0) return complain(shim, name, error, NULL);
    if (flags->bare)
        drill_text_add(shim->out, "%s\n", value);
    else
        drill_text_add(shim->out, is_bsd(name) ? "%s: %s\n" : "%s = %s\n", name, value);
    return 0;
}

static int set(const struct shim *shim, const struct flags *flags, const char *name, const char *value) {
    char before[SYSCTL_TEXT], after[SYSCTL_TEXT];
    const char *why = NULL;
    int error = sysctl_read(shim->t, name, before);
    if (error == -LA_ENOENT && flags->ignore) return 0;
    if (!error) error = sysctl_write(shim->t, name, value, &why);
    if (error < 0) return complain(shim, name, error, why);
    if (flags->quiet || sysctl_read(shim->t, name, after) < 0) return 0;
    if (flags->bare)
        drill_text_add(shim->out, "%s\n", after);
    else if (is_bsd(name))
        drill_text_add(shim->out, "%s: %s -> %s\n", name, before, after);
    else
        drill_text_add(shim->out, "%s = %s\n", name, value);
    return 0;
}

static int one(const struct shim *shim, const struct flags *flags, const char *word, bool write) {
    char name[SYSCTL_TEXT];
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    while (len && word[len - 1] == ' ') len--;
    if (len >= sizeof name) return complain(shim, word, -LA_ENOENT, NULL);
    memcpy(name, word, len);
    name[len] = '\0';
    if (equals) return set(shim, flags, name, equals + 1);
    if (!write) return show(shim, flags, name);
    drill_text_add(shim->err, "sysctl: \"%s\" must be of the form name=value\n", word);
    return 1;
}

static int show_all(const struct shim *shim, const struct flags *flags) {
    const char *name;
    for (unsigned i = 0; (name = sysctl_name(shim->t, i)) != NULL; i++) show(shim, flags, name);
    return 0;
}

/* A word of options: false for one that is not known here. */
static bool take_options(const char *word, struct flags *flags, bool *write) {
    for (const char *c = word + 1; *c; c++) switch (*c) {
        case 'w': *write = true; break;
        case 'q': flags->quiet = true; break;
        case 'n': flags->bare = true; break;
        case 'e':
        case 'i': flags->ignore = true; break;
        case 'a': flags->all = true; break;
        default: return false;
        }
    return true;
}

int shim_sysctl(const struct shim *shim) {
    struct flags flags = {0};
    bool write = false;
    int status = 0, n = 1;
    for (; n < shim->argc && shim->argv[n][0] == '-'; n++)
        if (!take_options(shim->argv[n], &flags, &write)) return shim_cannot(shim, "the option %s", shim->argv[n]);
    if (flags.all) return show_all(shim, &flags);
    if (n == shim->argc) {
        drill_text_add(shim->err, "usage: sysctl [-aeinqw] name[=value] ...\n");
        return 1;
    }
    for (; n < shim->argc; n++) {
        int result = one(shim, &flags, shim->argv[n], write);
        if (result < 0) return result;
        if (result) status = result;
    }
    return status;
}
