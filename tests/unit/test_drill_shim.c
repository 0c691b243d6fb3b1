/* drill/shim*.c and sysctl.c: the administrator's commands on a stack target. */
#include "support/drill_rig.h"

#include <lastack/segment.h>
#include <lastack/socket.h>
#include <stdio.h>

#include "drill/shim.h"

#define PORT 8080
#define PEER_PORT 40000

/* Runs a line of words without quotes ("~" stands for a blank inside a word). */
static int run(struct drill_rig *rig, const char *line) {
    char words[512];
    const char *argv[32];
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && argc < 31; word = strtok(NULL, " ")) {
        for (char *c = word; *c; c++)
            if (*c == '~') *c = ' ';
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    return la_drill_shim(rig->target, argc, argv, NULL, rig->output, sizeof rig->output);
}

static void gives(struct drill_rig *rig, const char *line, int status, const char *output) {
    int got = run(rig, line);
    if (got != status || (output && strcmp(rig->output, output) != 0))
        fail_msg("%s: %d, \"%s\"", line, got, rig->output);
}

static void has(struct drill_rig *rig, const char *line, const char *part, bool there) {
    int status = run(rig, line);
    if (status != 0 || (strstr(rig->output, part) != NULL) != there)
        fail_msg("%s: %d, \"%s\" in \"%s\"", line, status, part, rig->output);
}

static int64_t get(const struct drill_rig *rig, const char *name) {
    int64_t value;
    assert_int_equal(la_get(drill_rig_stack(rig), name, &value), 0);
    return value;
}

/* --- A connection --- */

static void send_segment(struct drill_rig *rig, uint16_t flags, uint32_t seq, uint32_t ack) {
    struct la_segment segment = {.src = {la_addr4(192, 0, 2, 1), PEER_PORT, 0},
                                 .dst = {la_addr4(192, 168, 0, 1), PORT, 0},
                                 .seq = seq,
                                 .ack = ack,
                                 .flags = flags,
                                 .wnd = 65535,
                                 .ttl = 64,
                                 .csum_ok = true,
                                 .wscale = -1};
    uint8_t packet[128];
    size_t len = la_segment_build(&segment, packet, sizeof packet);
    assert_int_equal(rig->target->input(rig->target, packet, len, 0), 0);
}

/* The next segment out: its flags, 0 for none; its sequence number in *seq. */
static uint16_t next_out(struct drill_rig *rig, uint32_t *seq) {
    uint8_t packet[2048];
    struct la_segment segment;
    la_time at;
    int64_t len = rig->target->output(rig->target, packet, sizeof packet, &at, rig->target->now(rig->target));
    if (len == 0) return 0;
    assert_true(len > 0 && la_segment_parse(LA_LINK_IP, packet, (size_t)len, &segment));
    if (seq) *seq = segment.seq;
    return segment.flags;
}

static la_sock listener(struct drill_rig *rig) {
    struct la_endpoint local = {la_addr4(192, 168, 0, 1), PORT, 0};
    la_sock sock = la_socket(drill_rig_stack(rig), LA_AF_INET, LA_SOCK_STREAM);
    assert_int_equal(la_bind(drill_rig_stack(rig), sock, &local), 0);
    assert_int_equal(la_listen(drill_rig_stack(rig), sock, 5), 0);
    return sock;
}

static uint32_t begin(struct drill_rig *rig) {
    uint32_t iss;
    send_segment(rig, LA_SYN, 1000, 0);
    assert_int_equal(next_out(rig, &iss), LA_SYN | LA_ACK);
    return iss;
}

/* --- sysctl --- */

static void sysctl_speaks_as_linux_and_as_freebsd_do(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    gives(&rig, "sysctl -w net.ipv4.tcp_sack=0", 0, "net.ipv4.tcp_sack = 0\n");
    gives(&rig, "sysctl -q net/ipv4/tcp_sack=1 net.ipv4.tcp_fack=1", 0, "");
    gives(&rig, "sysctl -n net.ipv4.tcp_fack", 0, "1\n");
    gives(&rig, "sysctl -w net.inet.tcp.sack.enable=0", 0, "net.inet.tcp.sack.enable: 1 -> 0\n");
    gives(&rig, "sysctl net.inet.tcp.sack.enable", 0, "net.inet.tcp.sack.enable: 0\n");
    gives(&rig, "sysctl -w net.inet.tcp.hostcache.purgenow=1", 0, "net.inet.tcp.hostcache.purgenow: 0 -> 0\n");
    gives(&rig, "sysctl net.inet.tcp.nobody", 1, "sysctl: unknown oid 'net.inet.tcp.nobody'\n");
    gives(&rig, "sysctl -q net.ipv4.tcp_nobody=1", 1, NULL);
    gives(&rig, "sysctl -e -q net.ipv4.tcp_nobody=1", 0, "");
    gives(&rig, "sysctl -w KeepAliveTime=30000", 0, "KeepAliveTime = 30000\n"); /* Windows' name, in its unit. */
    gives(&rig, "sysctl -n net.ipv4.tcp_keepalive_time", 0, "30\n");
    gives(&rig, "sysctl -w net.ipv4.tcp_sack", 1, NULL);
    gives(&rig, "sysctl -q net.ipv4.tcp_sack=many", 1, NULL);
    gives(&rig, "sysctl -q net.ipv4.tcp_sack=2", 1, NULL);
    gives(&rig, "sysctl", 1, NULL);
    gives(&rig, "sysctl -z", -LA_EOPNOTSUPP, NULL);
    gives(&rig, "sysctl -w net.inet.tcp.udp_tunneling_port=9811", -LA_EOPNOTSUPP, NULL);
    gives(&rig, "sysctl -q net.inet.tcp.udp_tunneling_port=0", 0, "");
    has(&rig, "sysctl -a", "net.ipv4.tcp_rmem = 4096\t131072\t6291456\n", true);
    gives(&rig, "nobody", -LA_ENOENT, NULL);
    drill_rig_close(&rig);
}

static void sysctls_of_several_numbers_and_of_text_keep_their_form(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    gives(&rig, "sysctl -q net.ipv4.tcp_rmem=4096~10000~2097152", 0, "");
    assert_int_equal(get(&rig, "net.ipv4.tcp_rmem_default"), 10000);
    gives(&rig, "sysctl -n net.ipv4.tcp_rmem", 0, "4096\t10000\t2097152\n");
    gives(&rig, "sysctl -q net.ipv4.tcp_rmem=8192", 0, "");
    gives(&rig, "sysctl -n net.ipv4.tcp_rmem", 0, "8192\t10000\t2097152\n");
    gives(&rig, "sysctl -q net.ipv4.tcp_rmem=1~2~3~4", 1, NULL);
    gives(&rig, "sysctl -q net.ipv4.tcp_rmem=1~2~-3", 1, NULL);
    gives(&rig, "sysctl -n net.ipv4.tcp_rmem", 0, "8192\t10000\t2097152\n");
    gives(&rig, "sysctl -q net.ipv4.ip_local_port_range=40000~40001", 0, "");
    assert_int_equal(get(&rig, "net.ipv4.ip_local_port_range_high"), 40001);
    gives(&rig, "sysctl -q net.ipv4.tcp_congestion_control=reno", 0, "");
    gives(&rig, "sysctl -q net.ipv4.tcp_congestion_control=ren", 1, NULL);
    gives(&rig, "sysctl -n net.ipv4.tcp_congestion_control", 0, "reno\n");
    assert_int_equal(get(&rig, "lastack.tcp_congestion_control"), 0);
    gives(&rig, "sysctl -n net.ipv4.tcp_available_congestion_control", 0, "reno cubic bbr\n");
    gives(&rig, "sysctl -q net.ipv4.tcp_available_congestion_control=reno", 1, NULL);
    has(&rig, "sysctl -a", "net.ipv4.tcp_congestion_control = reno\n", true);
    gives(&rig, "sysctl -w net.inet.tcp.cc.algorithm=cubic", 0, "net.inet.tcp.cc.algorithm: newreno -> cubic\n");
    gives(&rig, "sysctl -q net.ipv4.tcp_notsent_lowat=4294967295", 0, "");
    drill_rig_close(&rig);
}

static void what_scripts_set_is_what_the_engine_does(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    gives(&rig, "sysctl -q net.ipv4.tcp_early_retrans=0 net.ipv4.tcp_frto=0 net.ipv4.tcp_dsack=0", 0, "");
    assert_int_equal(get(&rig, "lastack.tcp_tlp") + get(&rig, "lastack.tcp_frto"), 0);
    assert_int_equal(get(&rig, "net.ipv4.tcp_dsack"), 0);
    gives(&rig, "sysctl -q net.ipv4.tcp_early_retrans=4 net.ipv4.tcp_frto=1 net.ipv4.tcp_recovery=5", 0, "");
    assert_int_equal(get(&rig, "lastack.tcp_tlp") + get(&rig, "lastack.tcp_frto"), 2);
    assert_int_equal(get(&rig, "net.ipv4.tcp_recovery"), 5);
    static const struct {
        const char *command;
        int64_t hystart;
    } rows[] = {
        {"sysctl -q sys.module.tcp_cubic.parameters.hystart=1", 1},
        {"sysctl -q sys.module.tcp_cubic.parameters.hystart_detect=1", 3},
        {"sysctl -q sys.module.tcp_cubic.parameters.hystart_detect=2", 4},
        {"sysctl -q sys.module.tcp_cubic.parameters.hystart=0", 2},
        {"sysctl -q sys.module.tcp_cubic.parameters.hystart_detect=3", 2},
        {"sysctl -q sys.module.tcp_cubic.parameters.hystart=1", 1},
        {"sysctl -q sys.module.tcp_cubic.parameters.hystart_detect=0", 2},
    };
    assert_int_equal(get(&rig, "lastack.tcp_hystart"), 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        gives(&rig, rows[i].command, 0, "");
        assert_int_equal(get(&rig, "lastack.tcp_hystart"), rows[i].hystart);
    }
    drill_rig_close(&rig);
}

static void the_files_of_proc_sys_can_all_be_read(void **state) {
    (void)state;
    struct drill_rig rig;
    char path[80], value[96];
    bool rmem = false;
    unsigned n = 0;
    drill_rig_open(&rig, "linux");
    for (; la_drill_proc_sys(rig.target, n, path, sizeof path, value, sizeof value); n++) {
        assert_true(!strncmp(path, "net/", 4) && *value && !strchr(path, '.'));
        rmem |= !strcmp(path, "net/ipv4/tcp_rmem") && !strcmp(value, "4096\t131072\t6291456");
    }
    assert_true(n > 60 && rmem);
    drill_rig_close(&rig);
}

/* --- Lists of sockets, and their end --- */

static void sockets_are_listed_as_each_system_does(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "freebsd");
    listener(&rig);
    has(&rig, "sockstat -4 -P tcp -p 8080 -s", "LISTEN", true);
    has(&rig, "sockstat -6 -P tcp -s", "LISTEN", false);
    has(&rig, "sockstat -P udp -s", "LISTEN", false);
    has(&rig, "sockstat -4 -p 81 -s", "LISTEN", false);
    begin(&rig);
    has(&rig, "sockstat -4 -P tcp -s -p 8080", "192.168.0.1:8080      192.0.2.1:40000       SYN_RCVD", true);
    has(&rig, "ss -t", "SYN-RECV", false);
    has(&rig, "ss -tan", "SYN-RECV   0      0", true);
    has(&rig, "ss -tn state syn-recv sport = :8080", "192.0.2.1:40000", true);
    has(&rig, "ss -tn state syn-recv dport = :8080", "192.0.2.1", false);
    has(&rig, "ss -Hltn dst 192.0.2.1", "LISTEN", false);
    has(&rig, "netstat -tan", "SYN_RECV", true);
    has(&rig, "netstat -an -p tcp", "SYN_RCVD", true);
    gives(&rig, "ss -Z", -LA_EOPNOTSUPP, NULL);
    gives(&rig, "ss state nowhere", -LA_EOPNOTSUPP, NULL);
    gives(&rig, "sockstat -x", -LA_EOPNOTSUPP, NULL);
    char text[2048];
    la_drill_proc_net(rig.target, false, text, sizeof text);
    assert_non_null(strstr(text, ":1F90 00000000:0000 0A "));
    assert_non_null(strstr(text, ":9C40 03 "));
    drill_rig_close(&rig);
}

static void tcpdrop_ends_connections_by_tuple_and_by_state(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "freebsd");
    la_sock l = listener(&rig);
    gives(&rig, "tcpdrop 192.168.0.1 8080 192.0.2.1 40000", 1, NULL);
    uint32_t iss = begin(&rig);
    send_segment(&rig, LA_ACK, 1001, iss + 1);
    la_sock s = la_accept(drill_rig_stack(&rig), l, NULL);
    assert_true(s >= 0);
    gives(&rig, "tcpdrop -s TIME_WAIT", 0, "");
    gives(&rig, "tcpdrop -l -a", 0, "tcpdrop 192.168.0.1 8080 192.0.2.1 40000\n");
    gives(&rig, "tcpdrop -s NOWHERE", 1, NULL);
    assert_int_equal(
        rig.target->command(rig.target, "tcpdrop 192.168.0.1:8080 192.0.2.1:40000", rig.output, sizeof rig.output), 0);
    assert_string_equal(rig.output, "192.168.0.1 8080 192.0.2.1 40000: dropped\n");
    assert_int_equal(la_recv(drill_rig_stack(&rig), s, rig.output, 1, 0, drill_stack_of(rig.target)->now),
                     -LA_ECONNABORTED);
    assert_int_equal(next_out(&rig, NULL), LA_RST | LA_ACK);
    gives(&rig, "tcpdrop 192.168.0.1 8080 192.0.2.1", 1, NULL);
    gives(&rig, "tcpdrop here:8080 192.0.2.1:40000", 1, NULL);
    begin(&rig);
    gives(&rig, "tcpdrop -s SYN_RCVD", 0, "192.168.0.1 8080 192.0.2.1 40000: dropped\n");
    drill_rig_close(&rig);
}

/* --- Counters and the network --- */

static void nstat_tells_what_was_counted_since_it_was_asked(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    listener(&rig);
    gives(&rig, "nstat", 0, "#kernel\n");
    begin(&rig);
    has(&rig, "nstat -s TcpPassiveOpens", "TcpPassiveOpens                 1                  0.0\n", true);
    has(&rig, "nstat Tcp*Opens", "TcpPassiveOpens", true);
    has(&rig, "nstat", "TcpPassiveOpens", false);
    has(&rig, "nstat -az", "TcpExtBeyondWindow              0 ", true);
    has(&rig, "nstat -a TcpP*", "TcpInSegs", false);
    gives(&rig, "nstat -j", -LA_EOPNOTSUPP, NULL);
    drill_rig_close(&rig);
}

static void queueing_disciplines_order_or_block(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    listener(&rig);
    gives(&rig, "tc qdisc del dev tun0 root", 2, NULL);
    assert_int_equal(get(&rig, "lastack.tcp_pacing"), 0);
    gives(&rig, "tc qdisc add dev tun0 root fq", 0, "");
    assert_int_equal(get(&rig, "lastack.tcp_pacing"), 1);
    gives(&rig, "tc qdisc add dev tun0 root pfifo", 2, NULL);
    gives(&rig, "tc qdisc replace dev tun0 root netem delay 10ms", -LA_EOPNOTSUPP, NULL);
    gives(&rig, "tc qdisc replace dev tun0 root pfifo limit 0", 0, "");
    send_segment(&rig, LA_SYN, 1000, 0);
    assert_int_equal(next_out(&rig, NULL), 0);
    assert_int_equal(get(&rig, "lastack.tcp_pacing"), 0);
    gives(&rig, "tc qdisc delete dev tun0 root", 0, "");
    assert_int_equal(next_out(&rig, NULL), LA_SYN | LA_ACK); /* It has waited. */
    send_segment(&rig, LA_SYN, 1000, 0);
    assert_int_equal(next_out(&rig, NULL), LA_SYN | LA_ACK);
    gives(&rig, "tc class show", -LA_EOPNOTSUPP, NULL);
    drill_rig_close(&rig);
}

static void routes_bring_an_mtu_and_an_initial_window(void **state) {
    (void)state;
    struct drill_rig rig;
    drill_rig_open(&rig, "linux");
    gives(&rig, "ip tcp_metrics flush all", 0, "");
    gives(&rig, "ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 1460 mtu lock 1500", 0, "");
    gives(&rig, "ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600 mtu lock 640 initcwnd 11", 0, "");
    gives(&rig, "ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 500 mtu lock 640 initrwnd 4", 0, "");
    gives(&rig, "ip route change 192.0.2.1 dev tun0 mtu 9000", 0, "");
    gives(&rig, "ip route change 192.0.2.1 dev tun0 mtu 20", -LA_EOPNOTSUPP, NULL);
    gives(&rig, "ip route change 192.0.2.1/40", -LA_EOPNOTSUPP, NULL);
    gives(&rig, "ip link set lo up", -LA_EOPNOTSUPP, NULL);
    gives(&rig, "ethtool -K tun0 gso off tso off", 0, "");
    gives(&rig, "ethtool -K tun0 magic on", 1, NULL);
    gives(&rig, "setkey -F", -LA_EOPNOTSUPP, NULL);
    gives(&rig, "kldstat -q -m tcpmd5", 1, NULL);
    gives(&rig, "kldload tcpmd5", -LA_EOPNOTSUPP, NULL);
    drill_rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sysctl_speaks_as_linux_and_as_freebsd_do),
        cmocka_unit_test(sysctls_of_several_numbers_and_of_text_keep_their_form),
        cmocka_unit_test(what_scripts_set_is_what_the_engine_does),
        cmocka_unit_test(the_files_of_proc_sys_can_all_be_read),
        cmocka_unit_test(sockets_are_listed_as_each_system_does),
        cmocka_unit_test(tcpdrop_ends_connections_by_tuple_and_by_state),
        cmocka_unit_test(nstat_tells_what_was_counted_since_it_was_asked),
        cmocka_unit_test(queueing_disciplines_order_or_block),
        cmocka_unit_test(routes_bring_an_mtu_and_an_initial_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
