#include <lastack/types.h>

#include "base/mem.h"

/* Arrays instead of pointers: the table needs no relocation and stays in read-only memory everywhere. */
struct row {
    int error;
    char name[16];
    char text[72];
};

static const struct row table[] = {
    {LA_ENOENT, "ENOENT", "No such setting, interface or route."},
    {LA_EBADF, "EBADF", "The handle is stale or was never given out."},
    {LA_EAGAIN, "EAGAIN", "Nothing to read, no room to write, nothing to accept."},
    {LA_ENOMEM, "ENOMEM", "The allocator or the stack's budget refused."},
    {LA_EACCES, "EACCES", "A broadcast address without permission."},
    {LA_EFAULT, "EFAULT", "A NULL pointer where memory is needed."},
    {LA_EEXIST, "EEXIST", "It is there already."},
    {LA_EINVAL, "EINVAL", "An argument or the socket's state does not allow it."},
    {LA_EPIPE, "EPIPE", "This side has shut down sending, or the connection is gone."},
    {LA_EPROTO, "EPROTO", "ICMP said that a header of ours was wrong."},
    {LA_EMSGSIZE, "EMSGSIZE", "The datagram does not fit."},
    {LA_ENOPROTOOPT, "ENOPROTOOPT", "No such socket option."},
    {LA_EPROTONOSUPPORT, "EPROTONOSUPPORT", "No such socket type."},
    {LA_EOPNOTSUPP, "EOPNOTSUPP", "This kind of socket cannot do that."},
    {LA_EAFNOSUPPORT, "EAFNOSUPPORT", "The address is of the wrong family."},
    {LA_EADDRINUSE, "EADDRINUSE", "Address and port are taken."},
    {LA_EADDRNOTAVAIL, "EADDRNOTAVAIL", "Not an address of this stack, or no port is free."},
    {LA_ENETUNREACH, "ENETUNREACH", "No route."},
    {LA_ECONNABORTED, "ECONNABORTED", "The connection was aborted on this side."},
    {LA_ECONNRESET, "ECONNRESET", "The peer sent RST."},
    {LA_ENOBUFS, "ENOBUFS", "A queue is full."},
    {LA_EISCONN, "EISCONN", "Connected already."},
    {LA_ENOTCONN, "ENOTCONN", "Not connected."},
    {LA_ETIMEDOUT, "ETIMEDOUT", "The peer did not answer in time."},
    {LA_ECONNREFUSED, "ECONNREFUSED", "The peer refused (RST to our SYN, or ICMP port unreachable)."},
    {LA_EHOSTUNREACH, "EHOSTUNREACH", "ICMP said that the host is unreachable, or no neighbour answered."},
    {LA_EALREADY, "EALREADY", "A connect is under way."},
    {LA_EINPROGRESS, "EINPROGRESS", "Started; an event tells the end."},
};

static const struct row unknown = {0, "E?", "E?"};

static const struct row *find(int error) {
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (table[i].error == error) return &table[i];
    }
    return &unknown;
}

const char *la_errno_name(int error) { return find(error)->name; }

const char *la_errno_text(int error) { return find(error)->text; }
