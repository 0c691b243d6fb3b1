/* An echo service on a TUN interface of its own: whatever a connection sends comes back, until it ends its side.
 *
 *     sudo build/release/examples/echo --control /tmp/echo.sock &
 *     nc 10.7.0.2 7
 *     sudo lastack ls --stack /tmp/echo.sock
 *
 * Without --control there is nothing to look at from outside. */
#include <stdio.h>
#include <string.h>

#include <lastack/dev.h>
#include <lastack/inspect.h>
#include <lastack/socket.h>

/* Moves what has arrived straight into the send storage, as far as both sides allow. */
static void echo(struct la_stack *stack, la_sock sock, la_time now) {
    struct la_span span[4];
    unsigned count;
    int64_t have;
    while ((have = la_peek(stack, sock, span, 4, &count)) > 0) {
        int64_t sent = la_send(stack, sock, span[0].data, span[0].len, 0, now);
        if (sent <= 0) break; /* No room: LA_EV_WRITABLE comes when there is. Other errors come with LA_EV_ERROR. */
        la_consume(stack, sock, (size_t)sent, now);
    }
    if (have == 0 || (have < 0 && have != -LA_EAGAIN)) la_close(stack, sock, now);
}

static void serve(struct la_stack *stack, la_sock listener, la_time now) {
    struct la_event event;
    while (la_next_event(stack, &event)) {
        la_sock sock = event.sock;
        if (sock != listener) {
            echo(stack, sock, now);
            continue;
        }
        while ((sock = la_accept(stack, listener, NULL)) >= 0) echo(stack, sock, now);
    }
}

static la_sock listen_on(struct la_stack *stack, const struct la_addr *addr, uint16_t port) {
    struct la_endpoint local = {*addr, port, 0};
    la_sock sock = la_socket(stack, LA_AF_INET, LA_SOCK_STREAM);
    int rc = sock < 0 ? (int)sock : la_bind(stack, sock, &local);
    if (!rc) rc = la_listen(stack, sock, 64);
    return rc ? rc : sock;
}

int main(int argc, char **argv) {
    struct la_config config = {.alloc = la_host_allocator()};
    struct la_tun_config tun = {.name = "lastack%d"};
    struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = 1500};
    struct la_addr host = la_addr4(10, 7, 0, 1), own = la_addr4(10, 7, 0, 2);
    struct la_stack *stack;
    struct la_device *device;
    struct la_control *control = NULL;
    la_time now = la_host_now();
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--control"))) return fprintf(stderr, "echo [--control PATH]\n"), 2;

    int rc = la_tun_open(NULL, &tun, &device);
    if (!rc) rc = la_tun_up(device, &host, 24);
    if (!rc) rc = la_host_seed(config.seed);
    if (!rc) rc = la_stack_create(&config, &stack);
    if (!rc && argc == 3) rc = la_control_open(argv[2], &control);
    if (rc) return fprintf(stderr, "echo: %s\n", la_errno_text(-rc)), 1;
    la_tick(stack, now); /* From here on it knows the time. */
    la_iface_add(stack, &iface);
    la_addr_add(stack, 0, &own, 24);
    la_sock listener = listen_on(stack, &own, 7);
    if (listener < 0) return fprintf(stderr, "echo: %s\n", la_errno_text((int)-listener)), 1;
    printf("echo: 10.7.0.2 port 7, on %s\n", la_tun_name(device));
    fflush(stdout);

    for (;;) {
        int moved = la_dev_pump(stack, 0, device, now);
        if (moved < 0) return fprintf(stderr, "echo: %s\n", la_errno_text(-moved)), 1;
        la_tick(stack, now);
        serve(stack, listener, now);
        if (control) la_control_serve(control, stack, now);
        la_dev_wait(stack, device, moved, control ? 50 * LA_MS : LA_NEVER, &now);
    }
}
