/* Plays a scene: two stacks in one process, a transfer from the first to the second, virtual time.
 *
 * The way to the receiver: a node with the scene's faults, then a pipe that takes 2 ms for a full packet and 50 ms to
 * its end. The way back takes 50 ms. Round trips are thus 102 ms. Neither way loses anything but what the script says.
 *
 * In each turn the clock goes to the next instant at which anything is due; packets arrive, timers fire, programs act,
 * packets leave, and then the sender's stack is asked what has changed: its congestion window, and its counters, which
 * say why it sent. What arrives at and leaves the sender's stack is what the picture shows. The same scene gives the
 * same bytes, always: seeds are constant. */
#include "plot_scene.h"

#include <lastack/dev.h>
#include <lastack/info.h>
#include <lastack/socket.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PORT 80
#define MTU 1500
#define MSS 1448 /* Beside timestamps: what segments of a scene carry. */
#define RATE (MTU * 8 * 1000 / 2)
#define DELAY (50 * LA_MS)
#define TURNS_MAX 100000 /* A scene has some hundred. */
#define END (60 * LA_SECOND)

enum { SENDER, RECEIVER };

/* What the sender's counters mean in a picture. */
static const struct told {
    enum la_counter counter;
    bool heard; /* What it heard made it count; otherwise it is about what it sent. */
    const char *text;
} told[] = {
    {LA_C_RTOS, false, "timeout"},
    {LA_C_FAST_RETRANSMITS, false, "fast retransmit"},
    {LA_C_TLP_PROBES, false, "tail loss probe"},
    {LA_C_TLP_REPAIRS, true, "the probe repaired the loss"},
    {LA_C_SPURIOUS_RTOS, true, "F-RTO: the timeout was needless"},
    {LA_C_UNDOS, true, "undo: the window is as before"},
};

#define NTOLD (sizeof told / sizeof told[0])

/* Hands what comes out of the network to a stack. */
struct gate {
    struct sim_node node; /* First: the two are the same address. */
    struct play *play;
    unsigned to;
};

struct play {
    const struct plot_scene *scene;
    struct plot *plot;
    struct la_pcap *pcap;
    la_time now;
    struct la_stack *stack[2];
    struct sim_node *way[2]; /* From each. */
    struct gate gate[2];     /* To each. */
    la_sock sock[2], listener;
    uint64_t to_send;
    enum plot_fate fate; /* Of the packet that was just put on the road. */
    bool closed[2];
    uint64_t count[NTOLD];
};

static const uint8_t address[2][4] = {{10, 0, 0, 1}, {10, 0, 0, 2}};

static struct la_addr addr_of(unsigned end) {
    return la_addr4(address[end][0], address[end][1], address[end][2], address[end][3]);
}

/* --- The network --- */

static void record(struct play *play, enum la_dir dir, const struct sim_packet *packet, enum plot_fate fate) {
    static const char *const comment[] = {[PLOT_DELAYED] = "delayed on the road", [PLOT_LOST] = "lost on the road"};
    struct la_segment wire;
    struct la_packet whole = {.len = packet->len, .nspans = 1, .span = {{packet->data, packet->len}}};
    if (la_segment_parse(LA_LINK_IP, packet->data, packet->len, &wire)) plot_add(play->plot, play->now, &wire, fate);
    if (play->pcap) la_pcap_write(play->pcap, dir, &whole, comment[fate], play->now);
}

static void gate_forward(struct sim_node *node, struct sim_packet *packet, la_time now) {
    const struct gate *gate = (const struct gate *)node;
    if (gate->to == SENDER) record(gate->play, LA_DIR_IN, packet, PLOT_ARRIVES);
    la_input(gate->play->stack[gate->to], 0, packet->data, packet->len, now);
    sim_packet_free(packet);
}

static void road_tells(void *ctx, const struct sim_packet *packet, const char *what, la_time now) {
    struct play *play = ctx;
    (void)packet, (void)now;
    play->fate = strcmp(what, "lost") ? PLOT_DELAYED : PLOT_LOST;
}

static void send_all(struct play *play, unsigned end) {
    struct la_packet packet;
    while (la_output(play->stack[end], 0, &packet, play->now)) {
        struct sim_packet *sent = sim_packet_new(end, &packet), *seen = sim_packet_copy(sent);
        play->fate = PLOT_ARRIVES;
        sim_forward(play->way[end], sent, play->now);
        if (end == SENDER) record(play, LA_DIR_OUT, seen, play->fate);
        sim_packet_free(seen);
    }
}

/* --- The programs --- */

static void sender_acts(struct play *play) {
    static const uint8_t zeros[4 * MSS];
    struct la_stack *stack = play->stack[SENDER];
    struct la_conn_info info;
    while (play->to_send) {
        size_t want = play->to_send < sizeof zeros ? (size_t)play->to_send : sizeof zeros;
        int64_t n = la_send(stack, play->sock[SENDER], zeros, want, 0, play->now);
        if (n <= 0) return;
        play->to_send -= (uint64_t)n;
    }
    /* It closes when all has arrived, so that the FIN takes no part in the repair. */
    if (play->closed[SENDER] || la_conn_info(stack, play->sock[SENDER], &info) || info.send_queue) return;
    play->closed[SENDER] = true;
    la_shutdown(stack, play->sock[SENDER], LA_SHUT_WR, play->now);
}

static void receiver_acts(struct play *play) {
    static uint8_t room[16 * MSS];
    struct la_stack *stack = play->stack[RECEIVER];
    if (play->sock[RECEIVER] < 0) play->sock[RECEIVER] = la_accept(stack, play->listener, NULL);
    if (play->sock[RECEIVER] < 0 || play->closed[RECEIVER]) return;
    int64_t n;
    while ((n = la_recv(stack, play->sock[RECEIVER], room, sizeof room, 0, play->now)) > 0) continue;
    if (n == -LA_EAGAIN) return;
    play->closed[RECEIVER] = true;
    la_close(stack, play->sock[RECEIVER], play->now);
}

/* --- What the sender's stack tells --- */

static void ask(struct play *play) {
    struct la_conn_info info;
    struct plot *plot = play->plot;
    if (la_conn_info(play->stack[SENDER], play->sock[SENDER], &info)) return;
    const struct plot_window *last = plot->nwindows ? &plot->window[plot->nwindows - 1] : NULL;
    bool same = last && last->cwnd == info.cwnd && last->ssthresh == info.ssthresh;
    if (info.state == LA_ESTABLISHED && !same) plot_window_add(plot, play->now, info.cwnd, info.ssthresh);
    for (size_t i = 0; i < NTOLD; i++) {
        uint64_t count = la_counter(play->stack[SENDER], told[i].counter);
        if (count > play->count[i])
            (told[i].heard ? plot_note_received : plot_note_sent)(plot, play->now, info.snd_una - info.iss,
                                                                  told[i].text);
        play->count[i] = count;
    }
}

/* --- The clock --- */

static bool is_over(const struct play *play) {
    return play->closed[SENDER] && play->closed[RECEIVER] && sim_chain_next(play->way[SENDER]) == LA_NEVER &&
           sim_chain_next(play->way[RECEIVER]) == LA_NEVER;
}

static void turn(struct play *play) {
    struct la_event event;
    for (unsigned end = 0; end < 2; end++) sim_chain_run(play->way[end], play->now);
    for (unsigned end = 0; end < 2; end++) {
        la_tick(play->stack[end], play->now);
        while (la_next_event(play->stack[end], &event)) continue;
        end == SENDER ? sender_acts(play) : receiver_acts(play);
        send_all(play, end);
    }
    ask(play);
}

static void run(struct play *play) {
    for (unsigned turns = 0; turns < TURNS_MAX && play->now < END; turns++) {
        turn(play);
        if (is_over(play)) return;
        la_time next = LA_NEVER;
        for (unsigned end = 0; end < 2; end++) {
            la_time stack = la_poll_at(play->stack[end]), way = sim_chain_next(play->way[end]);
            if (stack < next) next = stack;
            if (way < next) next = way;
        }
        if (next == LA_NEVER) return;
        if (next > play->now) play->now = next;
    }
}

/* --- The beginning and the end --- */

static int stack_open(struct play *play, unsigned end) {
    struct la_config config = {.alloc = la_host_allocator(), .seed = {(uint8_t)(end + 1)}};
    struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = MTU};
    struct la_addr addr = addr_of(end);
    int rc = la_stack_create(&config, &play->stack[end]);
    if (rc) return rc;
    la_tick(play->stack[end], 0);
    rc = la_iface_add(play->stack[end], &iface);
    return rc < 0 ? rc : la_addr_add(play->stack[end], 0, &addr, 24);
}

static int sockets_open(struct play *play) {
    struct la_endpoint server = {.addr = addr_of(RECEIVER), .port = PORT};
    struct la_endpoint client = {.addr = addr_of(SENDER), .port = 40000};
    play->listener = la_socket(play->stack[RECEIVER], LA_AF_INET, LA_SOCK_STREAM);
    play->sock[SENDER] = la_socket(play->stack[SENDER], LA_AF_INET, LA_SOCK_STREAM);
    if (play->listener < 0 || play->sock[SENDER] < 0) return -LA_ENOMEM;
    int rc = la_bind(play->stack[RECEIVER], play->listener, &server);
    if (!rc) rc = la_listen(play->stack[RECEIVER], play->listener, 1);
    if (!rc) rc = la_bind(play->stack[SENDER], play->sock[SENDER], &client);
    if (!rc) rc = la_connect(play->stack[SENDER], play->sock[SENDER], &server, 0);
    return rc == -LA_EINPROGRESS ? 0 : rc;
}

static void network_open(struct play *play) {
    struct sim_ear ear = {road_tells, play}, deaf = {0};
    struct sim_pipe_config out = {.rate = RATE, .queue = 1u << 20, .delay = DELAY};
    struct sim_pipe_config back = {.queue = 1u << 20, .delay = DELAY};
    for (unsigned end = 0; end < 2; end++) play->gate[end] = (struct gate){{.forward = gate_forward}, play, end};
    play->way[SENDER] = plot_road_new(play->scene->fault, &ear);
    play->way[SENDER]->next = sim_pipe_new(&out, &deaf);
    play->way[SENDER]->next->next = &play->gate[RECEIVER].node;
    play->way[RECEIVER] = sim_pipe_new(&back, &deaf);
    play->way[RECEIVER]->next = &play->gate[SENDER].node;
}

static int pcap_open(struct play *play, const char *path) {
    struct la_pcap_config config = {.path = path, .interface = play->scene->name, .link = LA_LINK_IP};
    return path ? la_pcap_create(NULL, &config, &play->pcap) : 0;
}

bool plot_scene_play(const struct plot_scene *scene, const char *pcap, struct plot *plot, char *why, size_t size) {
    struct play play = {.scene = scene, .plot = plot, .to_send = (uint64_t)scene->segments * MSS, .sock = {-1, -1}};
    int rc = stack_open(&play, SENDER), written = 0;
    if (!rc) rc = stack_open(&play, RECEIVER);
    if (!rc) rc = sockets_open(&play);
    if (!rc) written = pcap_open(&play, pcap);
    if (!rc && !written) {
        network_open(&play);
        run(&play);
        written = la_pcap_end(play.pcap);
        for (unsigned end = 0; end < 2; end++) sim_chain_free(play.way[end]);
    }
    for (unsigned end = 0; end < 2; end++) la_stack_destroy(play.stack[end]);
    if (rc) snprintf(why, size, "%s", la_errno_text(-rc));
    if (written) snprintf(why, size, "%s cannot be written: %s", pcap, strerror(-written));
    snprintf(plot->title, sizeof plot->title, "%s", scene->title);
    return !rc && !written;
}
