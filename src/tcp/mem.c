/* The memory that all buffers of a stack hold together, against three marks: above `pressure` no buffer grows and only
 * a small window is offered, until it is below `low` again; above `max` what lies beyond a gap is not kept. The marks
 * are percentages of the stack's budget, whose rest is for connections, tables and packets. */
#include "tcp/conn.h"

#define PRESSED_SEGMENTS 4u /* What a pressed connection may hold: enough for ACKs to keep coming. */

static uint64_t mark(const struct tcp *tcp, uint8_t percent) { return (uint64_t)tcp->env->max / 100 * percent; }

enum tcp_mem tcp_mem(struct tcp *tcp) {
    const struct tcp_params *params = &tcp->params;
    uint64_t held = (uint64_t)tcp->slabs.out * BUFFER_SLAB;
    if (held > mark(tcp, params->mem_pressure)) {
        if (!tcp->pressed) env_count(tcp->env, LA_C_MEMORY_PRESSURE);
        tcp->pressed = true;
    } else if (!tcp->pressed || held < mark(tcp, params->mem_low)) {
        tcp->pressed = false;
        return MEM_PLENTY;
    }
    return held > mark(tcp, params->mem_max) ? MEM_FULL : MEM_PRESSED;
}

uint32_t tcp_mem_bound(const struct tcp_conn *c, uint32_t size) {
    if (tcp_mem(c->tcp) == MEM_PLENTY) return size;
    uint32_t least = c->tcp->params.rcvbuf_min, segments = PRESSED_SEGMENTS * c->mss;
    if (least < segments) least = segments;
    return least < size ? least : size;
}
