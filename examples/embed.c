/* A whole web server on a network stack of its own: run it as root, then curl http://10.7.0.2/ */
#include <lastack/dev.h>
#include <lastack/socket.h>

static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nHello!\n";

int main(void) {
    struct la_config config = {.alloc = la_host_allocator()};
    struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = 1500};
    struct la_tun_config tun = {.name = "lastack%d"};
    struct la_addr host = la_addr4(10, 7, 0, 1);
    struct la_endpoint own = {la_addr4(10, 7, 0, 2), 80, 0};
    struct la_device *device;
    struct la_stack *stack;
    if (la_tun_open(NULL, &tun, &device) || la_tun_up(device, &host, 24)) return 1;
    if (la_host_seed(config.seed) || la_stack_create(&config, &stack)) return 1;
    la_iface_add(stack, &iface);
    la_addr_add(stack, 0, &own.addr, 24);

    la_sock listener = la_socket(stack, LA_AF_INET, LA_SOCK_STREAM);
    if (la_bind(stack, listener, &own) || la_listen(stack, listener, 64)) return 1;
    for (la_time now = la_host_now();;) {
        int moved = la_dev_pump(stack, 0, device, now); /* Packets in and out. */
        la_tick(stack, now);                            /* Timers. */
        struct la_event event;
        while (la_next_event(stack, &event)) { /* What has happened to sockets. */
            char request[2000];
            while (event.sock == listener && la_accept(stack, listener, NULL) >= 0) continue;
            if (event.sock == listener) continue; /* An accepted socket has events of its own. */
            int64_t got = la_recv(stack, event.sock, request, sizeof request, 0, now);
            if (got > 0) la_send(stack, event.sock, answer, sizeof answer - 1, 0, now);
            if (got > 0) la_shutdown(stack, event.sock, LA_SHUT_WR, now);
            if (got != -LA_EAGAIN && got <= 0) la_close(stack, event.sock, now);
        }
        la_dev_wait(stack, device, moved, LA_NEVER, &now);
    }
}
