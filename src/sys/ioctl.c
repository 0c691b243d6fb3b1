/* ioctl: how much is in the queues, and O_NONBLOCK. Numbers are those of Linux's common ABI. */
#include "sys/open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

/* FIONREAD and TIOCOUTQ are SIOCINQ and SIOCOUTQ. A FIN of one's own counts as a byte that waits. */
static int stream_queue(const struct la_sys *sys, const struct sys_socket *s, unsigned long request, int *number) {
    struct la_conn_info c;
    sys_conn(sys, s, &c);
    bool opening = c.state == LA_SYN_SENT || c.state == LA_SYN_RCVD;
    uint32_t value = 0;
    if (c.state == LA_LISTEN) return -EINVAL;
    if (request == SIOCINQ)
        value = c.recv_queue;
    else if (request == SIOCOUTQ)
        value = c.send_queue + (c.write_shut && !c.fin_acked ? 1 : 0);
    else
        value = c.unsent + (c.write_shut && !c.fin_sent ? 1 : 0);
    *number = opening || c.state == LA_CLOSED ? 0 : (int)value;
    if (c.state == LA_CLOSED && request == SIOCINQ) *number = (int)value;
    return 0;
}

/* The next datagram's length. */
static int datagram_queue(struct la_sys *sys, const struct sys_socket *s, unsigned long request, int *number) {
    *number = 0;
    if (request == SIOCOUTQNSD) return -ENOTTY;
    int ready = la_ready(sys->stack, s->sock);
    if (request != SIOCINQ || ready < 0 || !(ready & LA_EV_READABLE) || ready & LA_EV_ERROR) return 0;
    uint8_t *whole = sys_datagram(sys);
    if (!whole) return -ENOMEM;
    int64_t n = la_recvfrom(sys->stack, s->sock, whole, SYS_DATAGRAM, LA_MSG_PEEK, NULL, sys->now);
    if (n > 0) *number = (int)n;
    return 0;
}

int64_t sys_ioctl(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file = sys_call_file(sys, call);
    unsigned long request = (unsigned long)call->arg[1] & UINT32_MAX;
    int number = 0, error = 0;
    if (!file) return -EBADF;
    bool queue = file->kind == SYS_SOCKET && (request == SIOCINQ || request == SIOCOUTQ || request == SIOCOUTQNSD);
    if (request == FIOCLEX || request == FIONCLEX) {
        sys->fds[sys_int(call, 0)].cloexec = request == FIOCLEX;
        return 0;
    }
    bool mark = file->kind == SYS_SOCKET && file->socket.type == LA_SOCK_STREAM && request == SIOCATMARK;
    if (request != FIONBIO && !queue && !mark) return -ENOTTY;
    void *memory = sys_pointer(call, 2);
    if (mark) {
        number = la_sockatmark(sys->stack, file->socket.sock) == 1;
        if (memory) memcpy(memory, &number, sizeof number);
        return memory ? 0 : -EFAULT;
    }
    if (queue)
        error = file->socket.type == LA_SOCK_STREAM ? stream_queue(sys, &file->socket, request, &number)
                                                    : datagram_queue(sys, &file->socket, request, &number);
    if (error) return error;
    if (!memory) return -EFAULT;
    if (queue) {
        memcpy(memory, &number, sizeof number);
    } else {
        memcpy(&number, memory, sizeof number);
        file->flags = number ? file->flags | O_NONBLOCK : file->flags & ~O_NONBLOCK;
    }
    return 0;
}
