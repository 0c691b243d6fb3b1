/* lwIP (Debian's liblwip) as the other side of the benchmarks.
 *
 * It is used as a port to a device without an operating system would use it: the raw API, no thread of its own (so its
 * checks for the core lock pass), timers called by hand, and two interfaces in one process whose drivers gather each
 * packet into one linear frame. The frame is also what the receiving side's packet buffer points at, so its input path
 * allocates and copies nothing: that is the best it can do. Debian's build fixes the MSS at 1460, the window at 65535
 * bytes and the send buffer at the same; smaller windows are had by leaving some of the send buffer empty. Checksums
 * are on; it computes those of data while it copies them in. It offers no timestamps.
 *
 * What is lwIP's own: all connections, of both interfaces, are in the same lists. Connections whose cost is measured at
 * one end are therefore stripped of their other end first. */
#define _GNU_SOURCE
#include <limits.h> /* SSIZE_MAX, without which lwIP declares its own ssize_t. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <lwip/init.h>
#include <lwip/ip4.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <lwip/tcp.h>

#include "bench.h"

#define PORT 5000
#define CLIENT 0
#define SERVER 1

/* --- The port --- */

u16_t lwip_standard_chksum(const void *data, int len);
sys_prot_t sys_arch_protect(void);
void sys_arch_unprotect(sys_prot_t level);

/* The ones' complement sum of 16-bit words in the machine's order, folded. */
u16_t lwip_standard_chksum(const void *data, int len) {
    const uint8_t *at = data;
    uint64_t sum = 0;
    size_t words = (size_t)len / 4;
    for (size_t i = 0; i < words; i++) {
        uint32_t word;
        memcpy(&word, at + 4 * i, 4);
        sum += word;
    }
    uint32_t last = 0;
    memcpy(&last, at + 4 * words, (size_t)len % 4);
    sum += last;
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (u16_t)((sum >> 16) + (sum & 0xffff));
}

sys_prot_t sys_arch_protect(void) { return 0; }

void sys_arch_unprotect(sys_prot_t level) { (void)level; }

/* --- The wire --- */

#define FRAME_BYTES 1536

/* A frame on its way, and the packet buffer that the receiver sees it through. */
struct frame {
    struct pbuf_custom pbuf; /* First: lwIP hands it back by this address. */
    struct frame *next;
    size_t len;
    uint8_t data[FRAME_BYTES];
};

struct queue {
    struct frame *first, **end;
};

static struct netif ifaces[2];
static struct queue towards[2];
static struct frame *spare;

static struct frame *frame_new(void) {
    struct frame *f = spare;
    if (f)
        spare = f->next;
    else if (!(f = malloc(sizeof(*f))))
        abort();
    return f;
}

static void frame_free(struct pbuf *p) {
    struct frame *f = (struct frame *)(void *)p;
    f->next = spare;
    spare = f;
}

/* The driver: one linear frame from what may be a chain. */
static err_t wire_output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to) {
    (void)to;
    struct queue *queue = &towards[netif == &ifaces[CLIENT] ? SERVER : CLIENT];
    struct frame *f = frame_new();
    f->len = pbuf_copy_partial(p, f->data, FRAME_BYTES, 0);
    f->next = NULL;
    *queue->end = f;
    queue->end = &f->next;
    return ERR_OK;
}

static err_t wire_output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to) {
    (void)netif, (void)p, (void)to;
    return ERR_OK;
}

static struct frame *queue_take(struct queue *queue) {
    struct frame *f = queue->first;
    if (!f) return NULL;
    queue->first = f->next;
    if (!queue->first) queue->end = &queue->first;
    return f;
}

static void frame_input(struct frame *f, unsigned side) {
    f->pbuf.custom_free_function = frame_free;
    struct pbuf *p = pbuf_alloced_custom(PBUF_RAW, (u16_t)f->len, PBUF_REF, &f->pbuf, f->data, (u16_t)f->len);
    ip4_input(p, &ifaces[side]);
}

/* Delivers what is on its way to one side; returns how many. */
static unsigned deliver(unsigned side) {
    unsigned n = 0;
    struct frame *f;
    for (; (f = queue_take(&towards[side])); n++) frame_input(f, side);
    return n;
}

static void settle(void) {
    while (deliver(SERVER) + deliver(CLIENT)) continue;
}

/* --- Programs at both ends --- */

struct program {
    struct tcp_pcb *pcb; /* NULL when it is over. */
    struct bench_stream *stream;
    uint64_t received;
    bool connected, eof;
};

static struct program client, server;
static struct tcp_pcb *listener;

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error) {
    struct program *program = arg;
    (void)error;
    if (!p) {
        program->eof = true;
        return ERR_OK;
    }
    program->received += p->tot_len;
    for (u16_t at = 0; program->stream && at < p->tot_len;) {
        size_t room;
        uint8_t *to = bench_stream_room(program->stream, &room);
        u16_t n = pbuf_copy_partial(p, to, (u16_t)(room < 65535 ? room : 65535), at);
        bench_stream_filled(program->stream, n);
        at = (u16_t)(at + n);
    }
    if (!program->stream) {
        uint8_t byte;
        pbuf_copy_partial(p, &byte, 1, 0);
    }
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static void on_error(void *arg, err_t error) {
    (void)error;
    ((struct program *)arg)->pcb = NULL;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error) {
    (void)pcb, (void)error;
    ((struct program *)arg)->connected = true;
    return ERR_OK;
}

static void attach(struct program *program, struct tcp_pcb *pcb) {
    program->pcb = pcb;
    tcp_arg(pcb, program);
    tcp_recv(pcb, on_receive);
    tcp_err(pcb, on_error);
    tcp_nagle_disable(pcb);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t error) {
    (void)arg;
    if (error != ERR_OK || !pcb) return ERR_VAL;
    attach(&server, pcb);
    return ERR_OK;
}

static err_t iface_init(struct netif *netif) {
    netif->mtu = 1500;
    netif->output = wire_output;
    netif->output_ip6 = wire_output6;
    netif->name[0] = 'b';
    netif->name[1] = 'n';
    return ERR_OK;
}

static void iface_up(unsigned side) {
    ip4_addr_t address, mask, gateway;
    IP4_ADDR(&address, 10, 0, 0, side + 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 0, 0, 0, 0);
    towards[side].end = &towards[side].first;
    netif_add(&ifaces[side], &address, &mask, &gateway, NULL, iface_init, ip4_input);
    netif_set_link_up(&ifaces[side]);
    netif_set_up(&ifaces[side]);
}

static bool start(void) {
    if (listener) return true;
    lwip_init();
    iface_up(CLIENT), iface_up(SERVER);
    struct tcp_pcb *pcb = tcp_new();
    tcp_bind_netif(pcb, &ifaces[SERVER]);
    if (tcp_bind(pcb, &ifaces[SERVER].ip_addr, PORT) != ERR_OK) return false;
    listener = tcp_listen_with_backlog(pcb, 255);
    tcp_accept(listener, on_accept);
    return true;
}

static bool dial(void) {
    struct bench_stream *stream = server.stream;
    client = (struct program){0};
    server = (struct program){.stream = stream};
    struct tcp_pcb *pcb = tcp_new();
    if (!pcb) return false;
    tcp_bind_netif(pcb, &ifaces[CLIENT]);
    attach(&client, pcb);
    if (tcp_connect(pcb, &ifaces[SERVER].ip_addr, PORT, on_connected) != ERR_OK) return false;
    settle();
    return client.connected && client.pcb && server.pcb;
}

/* One byte there and one back. */
static bool exchange(void) {
    if (tcp_write(client.pcb, "?", 1, TCP_WRITE_FLAG_COPY) != ERR_OK || tcp_output(client.pcb) != ERR_OK) return false;
    settle();
    if (tcp_write(server.pcb, "!", 1, TCP_WRITE_FLAG_COPY) != ERR_OK || tcp_output(server.pcb) != ERR_OK) return false;
    settle();
    return server.received == 1 && client.received == 1;
}

/* --- Bulk --- */

static uint64_t bulk_sent;
static struct bench_stream bulk_stream;

static void bulk_fill(uint64_t until, size_t window) {
    size_t kept = TCP_SND_BUF - window;
    while (bulk_sent < until && tcp_sndbuf(client.pcb) > kept) {
        size_t n = tcp_sndbuf(client.pcb) - kept;
        if (n > until - bulk_sent) n = (size_t)(until - bulk_sent);
        if (tcp_write(client.pcb, bench_source(bulk_sent), (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK) return;
        bulk_sent += n;
    }
}

/* Moves the stream up to position `until`. */
static bool bulk_move(uint64_t until, size_t window) {
    for (unsigned idle = 0; server.received < until && idle < 100;) {
        bulk_fill(until, window);
        tcp_output(client.pcb);
        unsigned moved = deliver(SERVER);
        moved += deliver(CLIENT);
        idle = moved ? 0 : idle + 1;
        if (!moved) tcp_fasttmr(); /* A delayed ACK. */
    }
    return server.received == until;
}

static void run_bulk(const struct bench_task *task, struct bench_result *result) {
    size_t window = task->size < TCP_SND_BUF ? (size_t)task->size : TCP_SND_BUF;
    if (!client.pcb) {
        server.stream = &bulk_stream;
        if (!dial()) return bench_fail(result, "no connection");
    }
    bench_stream_start(&bulk_stream, bulk_sent);
    if (!bulk_move(bulk_sent + 8 * TCP_SND_BUF, window)) return bench_fail(result, "the warm-up stalled");
    uint64_t begin = bench_clock();
    if (!bulk_move(bulk_sent + task->amount, window)) return bench_fail(result, "the transfer stalled");
    result->value = (double)task->amount * 8 / (double)(bench_clock() - begin);
    if (!bench_stream_right(&bulk_stream)) bench_fail(result, "bytes are wrong");
}

/* --- Churn --- */

static unsigned records(void) {
    unsigned n = 0;
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) n++;
    return n;
}

static bool churn_one(void) {
    if (!dial() || !exchange()) return false;
    tcp_close(client.pcb);
    settle();
    if (!server.eof) return false;
    tcp_close(server.pcb);
    settle();
    return client.eof;
}

static bool churn(uint64_t n) {
    while (n--)
        if (!churn_one()) return false;
    return true;
}

static bool records_at(uint64_t level) {
    while (tcp_tw_pcbs && records() > level) tcp_abort(tcp_tw_pcbs);
    return churn(level - records());
}

static void run_churn(const struct bench_task *task, struct bench_result *result) {
    if (!records_at(task->size)) return bench_fail(result, "a connection failed");
    uint64_t begin = bench_clock();
    if (!churn(task->amount)) return bench_fail(result, "a connection failed");
    result->value = (double)task->amount * 1e9 / (double)(bench_clock() - begin);
}

static void run_record_bytes(const struct bench_task *task, struct bench_result *result) {
    if (!records_at(0)) return bench_fail(result, "a connection failed");
    size_t before = mallinfo2().uordblks;
    if (!records_at(task->size)) return bench_fail(result, "a connection failed");
    result->value = (double)(mallinfo2().uordblks - before) / (double)task->size;
}

/* --- Many connections --- */

#define ACK_BYTES 40
#define BATCH 1024

static uint8_t (*acks)[ACK_BYTES]; /* Of each connection, a pure ACK that its peer could send. */
static uint64_t nacks;
static double idle_bytes;

/* An ACK of all that the server has sent; it gets one, too, for once the client is gone it will see no other. */
static bool capture(uint8_t *to) {
    tcp_send_empty_ack(client.pcb);
    struct frame *f = queue_take(&towards[SERVER]);
    if (!f || f->len != ACK_BYTES) return false;
    memcpy(to, f->data, ACK_BYTES);
    frame_input(f, SERVER);
    return true;
}

static bool many(uint64_t n) {
    if (nacks == n) return true;
    acks = calloc(n, sizeof(*acks));
    size_t before = mallinfo2().uordblks;
    for (; acks && nacks < n; nacks++) {
        if (!dial() || !exchange() || !capture(acks[nacks])) return false;
        tcp_abandon(client.pcb, 0); /* Without a word to the peer. */
        ip_set_option(server.pcb, SOF_KEEPALIVE);
    }
    idle_bytes = (double)(mallinfo2().uordblks - before) / (double)n;
    return nacks == n;
}

static void run_ack(const struct bench_task *task, struct bench_result *result) {
    uint64_t spent = 0, random = 7, done = 0;
    struct frame *batch[BATCH];
    if (!many(task->size)) return bench_fail(result, "a connection failed");
    for (; done < task->amount; done += BATCH) {
        for (unsigned i = 0; i < BATCH; i++) {
            batch[i] = frame_new();
            batch[i]->len = ACK_BYTES;
            memcpy(batch[i]->data, acks[bench_random(&random) % nacks], ACK_BYTES);
        }
        uint64_t begin = bench_clock();
        for (unsigned i = 0; i < BATCH; i++) frame_input(batch[i], SERVER);
        spent += bench_clock() - begin;
        if (towards[CLIENT].first) return bench_fail(result, "an ACK was answered");
    }
    result->value = (double)spent / (double)done;
}

static void run_timers(const struct bench_task *task, struct bench_result *result) {
    if (!many(task->size)) return bench_fail(result, "a connection failed");
    uint64_t begin = bench_clock();
    for (uint64_t tick = 0; tick < task->amount * 1000 / TCP_TMR_INTERVAL; tick++) tcp_tmr();
    result->value = (double)(bench_clock() - begin) / (double)task->amount;
}

static void run_idle_bytes(const struct bench_task *task, struct bench_result *result) {
    if (!many(task->size)) return bench_fail(result, "a connection failed");
    result->value = idle_bytes;
}

static void run(const struct bench_task *task, struct bench_result *result) {
    if (!start()) return bench_fail(result, "no listener");
    switch ((enum bench_subject)task->subject) {
    case BENCH_BULK: run_bulk(task, result); break;
    case BENCH_CHURN: run_churn(task, result); break;
    case BENCH_ACK: run_ack(task, result); break;
    case BENCH_TIMERS: run_timers(task, result); break;
    case BENCH_IDLE_BYTES: run_idle_bytes(task, result); break;
    case BENCH_RECORD_BYTES: run_record_bytes(task, result); break;
    case BENCH_END:
    case BENCH_UNITS:
    case BENCH_EXPIRY: bench_fail(result, "not measured"); break;
    }
}

const struct bench_peer bench_lwip = {"lwip", run};
