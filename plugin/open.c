/* The plugin's beginning: from --so_flags to a stack.
 *
 * The flags are a list of words: script=PATH, by which the profile is chosen; lastack=PATH, the command, which stands
 * for sysctl, ss and so on; or an option of the language without its dashes (ip_version=ipv6, local_ip=…, mtu=…). */
#include <lastack/dev.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"
#include "tool/drill_files.h"
#include "tool/drill_host.h"

void plugin_die(const char *what, const char *why) {
    fprintf(stderr, "liblastack-packetdrill: %s: %s\n", what, why);
    exit(EXIT_WRONG);
}

struct flags {
    struct la_drill_options options;
    char script[4096], lastack[4096];
};

/* False with a sentence in `error`. */
static bool read_flags(const char *text, struct flags *flags, char *error, size_t size) {
    char word[4096], option[4098];
    int used = 0;
    for (const char *at = text; at && sscanf(at, "%4095s%n", word, &used) == 1; at += used) {
        snprintf(option, sizeof option, "--%s", word);
        if (!strncmp(word, "script=", 7))
            snprintf(flags->script, sizeof flags->script, "%s", word + 7);
        else if (!strncmp(word, "lastack=", 8))
            snprintf(flags->lastack, sizeof flags->lastack, "%s", word + 8);
        else if (!la_drill_option_parse(&flags->options, option, error, size))
            return false;
    }
    return true;
}

struct la_drill_target *plugin_open(const char *text, struct la_drill_script **script) {
    static struct flags flags; /* drill_host keeps a pointer into it. */
    static const char nothing[] = "0 `true`\n";
    struct la_drill_error wrong = {0};
    struct la_drill_target *target = NULL;
    char error[256];
    if (!read_flags(text, &flags, error, sizeof error)) plugin_die("--so_flags", error);
    if (flags.lastack[0]) drill_host_program(flags.lastack);
    if (la_drill_parse(nothing, sizeof nothing - 1, &flags.options, script, &wrong)) plugin_die("options", wrong.text);
    char *profile = files_profile(flags.script, error, sizeof error);
    if (!profile) plugin_die("profile", error);
    struct la_drill_stack_config config = {
        .profile = profile,
        .options = la_drill_script_options(*script),
        .alloc = la_host_allocator(),
        .first_fd = FIRST_FD,
    };
    int status = la_drill_stack_open(&config, &target);
    if (status) plugin_die("a stack cannot be made", la_errno_text(-status));
    free(profile);
    return target;
}
