/* Python programs of a script's code blocks.
 *
 * In: the blocks' text, and raw bytes of getsockopt(TCP_INFO), (TCP_CC_INFO), (SO_MEMINFO) at the time of each. Out:
 * one program. A table says where each field lies in these bytes, so that a target with a shorter struct gives fewer
 * names, and an assertion on one that it lacks fails by its name. Fields of a few bits are counted from the lowest bit,
 * as compilers of little-endian machines lay them out; on others from the highest.
 *
 * The program compiles every block with its line in the script, hence all that Python reports is in terms of the
 * script. The blocks' text goes in as a bytes literal: nothing in it can end the literal. */
#include "code.h"

#include <lastack/tcp_info.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

struct bytes {
    const void *data;
    size_t len;
};

struct block {
    struct block *next;
    const char *text;
    unsigned line;
    struct bytes info, cc, memory;
};

struct drill_code {
    struct drill_arena arena;
    struct block *first, *last;
    char *program;
};

/* --- What there is to see --- */

struct field {
    const char *name;
    uint16_t offset, size;
    uint8_t shift, bits; /* `bits` 0: all of it. */
};

#define INFO(name)                                                                                                     \
    { #name, offsetof(struct la_tcp_info, name), sizeof(((struct la_tcp_info *)0)->name), 0, 0 }

static const struct field info_fields[] = {
    INFO(tcpi_state),
    INFO(tcpi_ca_state),
    INFO(tcpi_retransmits),
    INFO(tcpi_probes),
    INFO(tcpi_backoff),
    INFO(tcpi_options),
    {"tcpi_snd_wscale", 6, 1, 0, 4},
    {"tcpi_rcv_wscale", 6, 1, 4, 4},
    {"tcpi_delivery_rate_app_limited", 7, 1, 0, 1},
    {"tcpi_fastopen_client_fail", 7, 1, 1, 2},
    INFO(tcpi_rto),
    INFO(tcpi_ato),
    INFO(tcpi_snd_mss),
    INFO(tcpi_rcv_mss),
    INFO(tcpi_unacked),
    INFO(tcpi_sacked),
    INFO(tcpi_lost),
    INFO(tcpi_retrans),
    INFO(tcpi_fackets),
    INFO(tcpi_last_data_sent),
    INFO(tcpi_last_ack_sent),
    INFO(tcpi_last_data_recv),
    INFO(tcpi_last_ack_recv),
    INFO(tcpi_pmtu),
    INFO(tcpi_rcv_ssthresh),
    INFO(tcpi_rtt),
    INFO(tcpi_rttvar),
    INFO(tcpi_snd_ssthresh),
    INFO(tcpi_snd_cwnd),
    INFO(tcpi_advmss),
    INFO(tcpi_reordering),
    INFO(tcpi_rcv_rtt),
    INFO(tcpi_rcv_space),
    INFO(tcpi_total_retrans),
    INFO(tcpi_pacing_rate),
    INFO(tcpi_max_pacing_rate),
    INFO(tcpi_bytes_acked),
    INFO(tcpi_bytes_received),
    INFO(tcpi_segs_out),
    INFO(tcpi_segs_in),
    INFO(tcpi_notsent_bytes),
    INFO(tcpi_min_rtt),
    INFO(tcpi_data_segs_in),
    INFO(tcpi_data_segs_out),
    INFO(tcpi_delivery_rate),
    INFO(tcpi_busy_time),
    INFO(tcpi_rwnd_limited),
    INFO(tcpi_sndbuf_limited),
    INFO(tcpi_delivered),
    INFO(tcpi_delivered_ce),
    INFO(tcpi_bytes_sent),
    INFO(tcpi_bytes_retrans),
    INFO(tcpi_dsack_dups),
    INFO(tcpi_reord_seen),
    INFO(tcpi_rcv_ooopack),
    INFO(tcpi_snd_wnd),
    INFO(tcpi_rcv_wnd),
    INFO(tcpi_rehash),
    INFO(tcpi_total_rto),
    INFO(tcpi_total_rto_recoveries),
    INFO(tcpi_total_rto_time),
    INFO(tcpi_received_ce),
    INFO(tcpi_delivered_e1_bytes),
    INFO(tcpi_delivered_e0_bytes),
    INFO(tcpi_delivered_ce_bytes),
    INFO(tcpi_received_e1_bytes),
    INFO(tcpi_received_e0_bytes),
    INFO(tcpi_received_ce_bytes),
    {"tcpi_ecn_mode", 276, 4, 0, 2},
    {"tcpi_accecn_opt_seen", 276, 4, 2, 2},
    {"tcpi_accecn_fail_mode", 276, 4, 4, 4},
    {"tcpi_options2", 276, 4, 8, 24},
};

/* The bytes do not tell whose they are: each algorithm's names are given where there are enough of them. */
static const struct field bbr_fields[] = {
    {"bbr_bw_lo", 0, 4, 0, 0},        {"bbr_bw_hi", 4, 4, 0, 0},      {"bbr_min_rtt", 8, 4, 0, 0},
    {"bbr_pacing_gain", 12, 4, 0, 0}, {"bbr_cwnd_gain", 16, 4, 0, 0},
};

static const struct field dctcp_fields[] = {
    {"dctcp_enabled", 0, 2, 0, 0}, {"dctcp_ce_state", 2, 2, 0, 0}, {"dctcp_alpha", 4, 4, 0, 0},
    {"dctcp_ab_ecn", 8, 4, 0, 0},  {"dctcp_ab_tot", 12, 4, 0, 0},
};

static const struct field vegas_fields[] = {
    {"tcpv_enabled", 0, 4, 0, 0},
    {"tcpv_rttcnt", 4, 4, 0, 0},
    {"tcp_rtt", 8, 4, 0, 0},
    {"tcp_minrtt", 12, 4, 0, 0},
};

static const struct field memory_fields[] = {
    {"SK_MEMINFO_RMEM_ALLOC", 0, 4, 0, 0}, {"SK_MEMINFO_RCVBUF", 4, 4, 0, 0},
    {"SK_MEMINFO_WMEM_ALLOC", 8, 4, 0, 0}, {"SK_MEMINFO_SNDBUF", 12, 4, 0, 0},
    {"SK_MEMINFO_FWD_ALLOC", 16, 4, 0, 0}, {"SK_MEMINFO_WMEM_QUEUED", 20, 4, 0, 0},
    {"SK_MEMINFO_OPTMEM", 24, 4, 0, 0},    {"SK_MEMINFO_BACKLOG", 28, 4, 0, 0},
    {"SK_MEMINFO_DROPS", 32, 4, 0, 0},
};

#define COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

struct constant {
    const char *name;
    unsigned value;
};

/* Google's names, then nplab's: the states are Linux's numbers under both. */
static const struct constant constants[] = {
    {"TCP_ESTABLISHED", 1},    {"TCP_SYN_SENT", 2},        {"TCP_SYN_RECV", 3},
    {"TCP_FIN_WAIT1", 4},      {"TCP_FIN_WAIT2", 5},       {"TCP_TIME_WAIT", 6},
    {"TCP_CLOSE", 7},          {"TCP_CLOSE_WAIT", 8},      {"TCP_LAST_ACK", 9},
    {"TCP_LISTEN", 10},        {"TCP_CLOSING", 11},        {"TCP_CA_Open", 0},
    {"TCP_CA_Disorder", 1},    {"TCP_CA_CWR", 2},          {"TCP_CA_Recovery", 3},
    {"TCP_CA_Loss", 4},        {"TCPI_OPT_TIMESTAMPS", 1}, {"TCPI_OPT_SACK", 2},
    {"TCPI_OPT_WSCALE", 4},    {"TCPI_OPT_ECN", 8},        {"TCPI_OPT_ECN_SEEN", 16},
    {"TCPI_OPT_TOE", 16}, /* FreeBSD's; Linux has ECN_SEEN under this number. */
    {"TCPI_OPT_SYN_DATA", 32}, {"TCPI_OPT_USEC_TS", 64},   {"TCPI_OPT_TFO_CHILD", 128},
    {"TCPI_ESTABLISHED", 1},   {"TCPI_SYN_SENT", 2},       {"TCPI_SYN_RECEIVED", 3},
    {"TCPI_FIN_WAIT_1", 4},    {"TCPI_FIN_WAIT_2", 5},     {"TCPI_TIME_WAIT", 6},
    {"TCPI_CLOSED", 7},        {"TCPI_CLOSE_WAIT", 8},     {"TCPI_LAST_ACK", 9},
    {"TCPI_LISTEN", 10},       {"TCPI_CLOSING", 11},       {"TCPI_NEW_SYN_RECV", 12},
};

/* --- Collecting --- */

struct drill_code *code_new(void) {
    return calloc(1, sizeof(struct drill_code));
}

void code_free(struct drill_code *code) {
    if (!code) return;
    drill_arena_free(&code->arena);
    free(code->program);
    free(code);
}

static bool keep(struct drill_code *code, const void *data, size_t len, struct bytes *bytes) {
    *bytes = (struct bytes){0};
    if (len == 0) return true;
    void *copy = drill_arena_new(&code->arena, len);
    if (!copy) return false;
    memcpy(copy, data, len);
    *bytes = (struct bytes){copy, len};
    return true;
}

bool code_add(struct drill_code *code, const char *text, unsigned line, const void *info, size_t len) {
    struct block *block = drill_arena_new(&code->arena, sizeof *block);
    if (!block) return false;
    block->text = drill_arena_text(&code->arena, text, strlen(text));
    block->line = line;
    if (!block->text || !keep(code, info, len, &block->info)) return false;
    if (code->last) {
        code->last->next = block;
    } else {
        code->first = block;
    }
    code->last = block;
    return true;
}

bool code_add_more(struct drill_code *code, const void *cc, size_t cc_len, const void *memory, size_t memory_len) {
    return code->last && keep(code, cc, cc_len, &code->last->cc) && keep(code, memory, memory_len, &code->last->memory);
}

/* --- The program --- */

/* Text that grows; `failed` once there was no memory. */
struct program {
    char *text;
    size_t size, len;
    bool failed;
};

static void grow(struct program *program, size_t more) {
    if (program->failed || program->size - program->len > more) return;
    size_t size = (program->len + more) * 2 + 4096;
    char *text = realloc(program->text, size);
    if (!text) {
        program->failed = true;
        return;
    }
    program->text = text;
    program->size = size;
}

#if defined __GNUC__
__attribute__((format(printf, 2, 3)))
#endif
static void
add(struct program *program, const char *format, ...) {
    char piece[160];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof piece) program->failed = true;
    grow(program, sizeof piece);
    if (program->failed) return;
    memcpy(program->text + program->len, piece, (size_t)len + 1);
    program->len += (size_t)len;
}

static void add_text(struct program *program, const char *text) {
    size_t len = strlen(text);
    grow(program, len);
    if (program->failed) return;
    memcpy(program->text + program->len, text, len + 1);
    program->len += len;
}

static void add_literal(struct program *program, const char *text) {
    add_text(program, "b'");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= ' ' && c <= '~' && c != '\'' && c != '\\';
        if (plain) {
            add(program, "%c", c);
        } else {
            add(program, "\\x%02x", c);
        }
    }
    add_text(program, "'");
}

static bool big_endian(void) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 0;
}

static uint64_t field_value(const struct field *field, const uint8_t *bytes) {
    uint16_t two;
    uint32_t four;
    uint64_t value = bytes[field->offset];
    if (field->size == sizeof two) {
        memcpy(&two, bytes + field->offset, sizeof two);
        value = two;
    } else if (field->size == sizeof four) {
        memcpy(&four, bytes + field->offset, sizeof four);
        value = four;
    } else if (field->size == sizeof value) {
        memcpy(&value, bytes + field->offset, sizeof value);
    }
    if (field->bits == 0) return value;
    unsigned shift = big_endian() ? field->size * 8u - field->shift - field->bits : field->shift;
    return (value >> shift) & ((UINT64_C(1) << field->bits) - 1);
}

static void add_fields(struct program *program, const struct field *fields, size_t count, struct bytes bytes) {
    for (size_t i = 0; i < count; i++) {
        if (bytes.len < (size_t)fields[i].offset + fields[i].size) continue;
        add(program, "    %s=%" PRIu64 ",\n", fields[i].name, field_value(&fields[i], bytes.data));
    }
}

/* Congestion control's names come all together or not at all. */
static void add_cc(struct program *program, const struct field *fields, size_t count, struct bytes bytes) {
    const struct field *last = &fields[count - 1];
    if (bytes.len >= (size_t)last->offset + last->size) add_fields(program, fields, count, bytes);
}

static void add_block(struct program *program, const struct block *block) {
    add_text(program, "sample(\n");
    add_fields(program, info_fields, COUNT(info_fields), block->info);
    add_cc(program, bbr_fields, COUNT(bbr_fields), block->cc);
    if (block->cc.len >= 20) {
        uint64_t bw = field_value(&bbr_fields[1], block->cc.data) << 32 | field_value(&bbr_fields[0], block->cc.data);
        add(program, "    bbr_bw=%" PRIu64 ",\n", bw);
    }
    add_cc(program, dctcp_fields, COUNT(dctcp_fields), block->cc);
    add_cc(program, vegas_fields, COUNT(vegas_fields), block->cc);
    add_cc(program, memory_fields, COUNT(memory_fields), block->memory);
    add_text(program, ")\n");
    add(program, "run(%u, ", block->line);
    add_literal(program, block->text);
    add_text(program, ")\n\n");
}

static const char beginning[] =
    "# The code blocks of a packetdrill script, in order.\n"
    "import sys, textwrap, traceback\n"
    "\n"
    "names = {'__name__': '__main__', 'sys': sys, 'traceback': traceback}\n"
    "sampled = set()\n"
    "\n"
    "def sample(**values):\n"
    "    for name in sampled:\n"
    "        names.pop(name, None)\n"
    "    sampled.clear()\n"
    "    sampled.update(values)\n"
    "    names.update(constants)\n"
    "    names.update(values)\n"
    "\n"
    "def dedent(line, text):\n"
    "    lines = text.split('\\n')\n"
    "    own_line = len(lines) > 1 and not lines[0].strip()\n"
    "    while len(lines) > 1 and not lines[0].strip():\n"
    "        del lines[0]\n"
    "        line += 1\n"
    "    if own_line:\n"
    "        return line, textwrap.dedent('\\n'.join(lines)).rstrip()\n"
    "    lines[0] = lines[0].lstrip()\n"
    "    return line, '\\n'.join(lines).rstrip()\n"
    "\n"
    "def fail(line, lines, error):\n"
    "    source = lines[line - 1].strip() if 0 < line <= len(lines) else ''\n"
    "    kind = 'assertion failed' if isinstance(error, AssertionError) else type(error).__name__\n"
    "    print('line %d: %s: %s' % (line, kind, error) if str(error) else 'line %d: %s' % (line, kind))\n"
    "    if source:\n"
    "        print('    ' + source)\n"
    "    sys.stdout.flush()\n"
    "    sys.exit(1)\n"
    "\n"
    "def run(line, text):\n"
    "    first, text = dedent(line, text.decode('utf-8', 'replace'))\n"
    "    if text.endswith('\\\\'):\n"
    "        text = text[:-1]\n"
    "    text = '\\n' * (first - 1) + text + '\\n'\n"
    "    try:\n"
    "        exec(compile(text, '<script>', 'exec'), names)\n"
    "    except SyntaxError as error:\n"
    "        fail(error.lineno or line, text.split('\\n'), error)\n"
    "    except Exception as error:\n"
    "        trace = error.__traceback__\n"
    "        while trace:\n"
    "            if trace.tb_frame.f_code.co_filename == '<script>':\n"
    "                line = trace.tb_lineno\n"
    "            trace = trace.tb_next\n"
    "        fail(line, text.split('\\n'), error)\n"
    "\n";

const char *code_program(struct drill_code *code) {
    if (!code->first) return NULL;
    struct program program = {0};
    add_text(&program, beginning);
    add_text(&program, "constants = dict(\n");
    for (size_t i = 0; i < COUNT(constants); i++) add(&program, "    %s=%u,\n", constants[i].name, constants[i].value);
    add_text(&program, ")\n\n");
    for (const struct block *block = code->first; block; block = block->next) add_block(&program, block);
    free(code->program);
    code->program = program.text;
    /* A program that was cut must not pass. */
    return program.failed ? "raise MemoryError\n" : code->program;
}
