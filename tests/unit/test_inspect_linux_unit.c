/* inspect/linux_unit.c: units and containers from the texts that real hosts have. */
#include "support/unit.h"

#include <string.h>

#include "inspect/linux_unit.h"

#define ID "3fa1c07d9be24c5a8a6d5f0e1b2c3d4e5f60718293a4b5c6d7e8f90123456789"

static void check(const char *text, const char *expected_unit, const char *expected_container) {
    char unit[UNIT_TEXT], container[UNIT_TEXT];
    unit_of_cgroup(text, unit, container);
    assert_string_equal(unit, expected_unit);
    assert_string_equal(container, expected_container);
}

static void units_of_systemd(void **state) {
    (void)state;
    check("0::/system.slice/nginx.service\n", "nginx.service", "");
    check("0::/system.slice/nginx.service", "nginx.service", "");
    check("0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope", "");
    check("0::/user.slice/user-1000.slice/user@1000.service/app.slice/editor.service\n", "editor.service", "");
    check("0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", "init.scope", "");
    check("0::/system.slice/system-getty.slice/getty@tty1.service/sub\n", "getty@tty1.service", "");
    check("0::/init.scope\n", "init.scope", "");
    check("0::/\n", "", "");
    check("0::/system.slice\n", "", "");
    check("0::/.service\n", "", "");
}

static void version_one_has_a_line_for_systemd(void **state) {
    (void)state;
    check("12:pids:/elsewhere.service\n"
          "5:memory:/system.slice/memory.service\n"
          "1:name=systemd:/system.slice/sshd.service\n"
          "0::/\n",
          "sshd.service", "");
    check("4:memory:/docker/" ID "\n1:name=systemd:/docker/" ID "\n", "", "3fa1c07d9be2");
    check("4:memory:/docker/" ID "\n", "", "3fa1c07d9be2");
}

static void containers_of_many_runtimes(void **state) {
    (void)state;
    check("0::/system.slice/docker-" ID ".scope\n", "", "3fa1c07d9be2");
    check("0::/docker/" ID "\n", "", "3fa1c07d9be2");
    check("0::/machine.slice/libpod-" ID ".scope/container\n", "", "3fa1c07d9be2");
    check("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope\n", "", "3fa1c07d9be2");
    check("0::/kubepods/burstable/pod12345678-1234-1234-1234-123456789abc/" ID "\n", "", "3fa1c07d9be2");
    check("0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-" ID ".scope\n",
          "", "3fa1c07d9be2");
    check("0::/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope\n", "", "3fa1c07d9be2");
    check("0::/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" ID "\n", "", "3fa1c07d9be2");
    check("0::/../" ID "\n", "", "3fa1c07d9be2");
    check("0::/lxc.payload.web/system.slice/nginx.service\n", "nginx.service", "web");
    check("0::/docker/" ID "/system.slice/nginx.service\n", "nginx.service", "3fa1c07d9be2");
}

static void who_watches_over_a_container_is_not_in_it(void **state) {
    (void)state;
    check("0::/machine.slice/libpod-conmon-" ID ".scope\n", "libpod-conmon-" ID ".scope", "");
}

static void what_looks_like_an_id_and_is_none(void **state) {
    (void)state;
    check("0::/" ID "0\n", "", "");
    check("0::/" ID "g\n", "", "");
    check("0::/3fa1c07d9be2\n", "", "");
}

static void garbage_is_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {"",   "\n",  ":",      "::",        ":::",         "0",
                                        "0:", "0::", "\n\n\n", "0::////\n", "0:/a.service"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check(texts[i], "", "");
    char text[4096] = "0::/";
    memset(text + 4, 'a', sizeof text - 5 - 8);
    strcpy(text + sizeof text - 9, ".service");
    char unit[UNIT_TEXT], container[UNIT_TEXT];
    unit_of_cgroup(text, unit, container);
    assert_int_equal(strlen(unit), UNIT_TEXT - 1);
    assert_string_equal(container, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_of_systemd),
        cmocka_unit_test(version_one_has_a_line_for_systemd),
        cmocka_unit_test(containers_of_many_runtimes),
        cmocka_unit_test(who_watches_over_a_container_is_not_in_it),
        cmocka_unit_test(what_looks_like_an_id_and_is_none),
        cmocka_unit_test(garbage_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
