/* The cause of a move as words. */
#include "tcp/conn.h"

static const char *const calls[] = {
    [LA_CALL_LISTEN] = "listen()", [LA_CALL_CONNECT] = "connect()", [LA_CALL_SHUTDOWN] = "shutdown()",
    [LA_CALL_CLOSE] = "close()",   [LA_CALL_ABORT] = "abort()",
};

struct text {
    char *at;
    size_t left, len;
};

static void add(struct text *t, const char *words) {
    for (; *words; words++, t->len++) {
        if (t->left < 2) continue;
        *t->at++ = *words;
        t->left--;
    }
}

static void add_flags(struct text *t, unsigned flags) {
    static const struct {
        uint8_t bit;
        const char *name;
    } names[] = {{TCP_SYN, "SYN"}, {TCP_FIN, "FIN"}, {TCP_RST, "RST"}, {TCP_PSH, "PSH"}, {TCP_ACK, "ACK"}};
    bool first = true;
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (!(flags & names[i].bit)) continue;
        if (!first) add(t, "+");
        add(t, names[i].name);
        first = false;
    }
    add(t, first ? "segment arrived" : " arrived");
}

size_t la_cause_text(const struct la_move *move, char *text, size_t size) {
    struct text t = {text, size, 0};
    switch ((enum la_cause)move->cause) {
    case LA_CAUSE_NONE: break;
    case LA_CAUSE_CALL: add(&t, move->what < COUNT_OF(calls) && move->what ? calls[move->what] : "call"); break;
    case LA_CAUSE_SEGMENT: add_flags(&t, move->what); break;
    case LA_CAUSE_TIMER:
        add(&t, la_timer_name((enum la_timer)move->what));
        add(&t, " timer");
        break;
    case LA_CAUSE_ICMP:
        add(&t, "ICMP ");
        add(&t, la_errno_name(move->what));
        break;
    case LA_CAUSE_STACK: add(&t, la_drop_name((enum la_drop)move->what)); break;
    }
    if (size) *t.at = 0;
    return t.len;
}
