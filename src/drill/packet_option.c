/* Theory of operation
 *
 * An option has three forms: the drill_tcp_option of the syntax tree, its bytes in a header, its text in a script. Each
 * kind's three forms are kept beside each other here. Whatever does not have the shape its kind demands (an MSS of five
 * bytes) is a DRILL_OPT_GENERIC, so that decoding and encoding again gives the same bytes.
 *
 * Invariants: nothing is read beyond the given length, every step of a loop over options advances, nothing is padded.
 */
#include "packet_option.h"

#include <inttypes.h>
#include <string.h>

#include "octets.h"

/* IANA's numbers. */
enum kind {
    KIND_EOL = 0,
    KIND_NOP = 1,
    KIND_MSS = 2,
    KIND_WSCALE = 3,
    KIND_SACKOK = 4,
    KIND_SACK = 5,
    KIND_TS = 8,
    KIND_MD5 = 19,
    KIND_FO = 34,
    KIND_ACCECN0 = 172,
    KIND_ACCECN1 = 174,
    KIND_EXPERIMENT = 254,
};

#define FOEXP_MAGIC 0xf989 /* RFC 7413, 4.1.1: the experiment's identifier. */
#define MD5_DIGEST 16

/* --- To bytes --- */

static unsigned encode_bytes(const struct drill_tcp_option *option, uint8_t kind, uint8_t *bytes) {
    unsigned n = option->nbytes < sizeof option->bytes ? option->nbytes : (unsigned)sizeof option->bytes;
    bytes[0] = kind;
    bytes[1] = (uint8_t)(2 + n);
    memcpy(bytes + 2, option->bytes, n);
    return 2 + n;
}

static unsigned encode_sack(const struct drill_tcp_option *option, uint8_t *bytes) {
    unsigned n = option->nblocks < 4 ? option->nblocks : 4;
    bytes[0] = KIND_SACK;
    bytes[1] = (uint8_t)(2 + 8 * n);
    for (unsigned i = 0; i < n; i++) {
        octets_put32(bytes + 2 + 8 * i, option->block[i].from);
        octets_put32(bytes + 6 + 8 * i, option->block[i].to);
    }
    return 2 + 8 * n;
}

static unsigned encode_ts(const struct drill_tcp_option *option, uint8_t *bytes) {
    bytes[0] = KIND_TS;
    bytes[1] = 10;
    octets_put32(bytes + 2, option->value);
    octets_put32(bytes + 6, option->ecr);
    return 10;
}

static unsigned encode_md5(const struct drill_tcp_option *option, uint8_t *bytes) {
    if (option->nbytes) return encode_bytes(option, KIND_MD5, bytes);
    bytes[0] = KIND_MD5;
    bytes[1] = 2 + MD5_DIGEST;
    memset(bytes + 2, 0, MD5_DIGEST);
    return 2 + MD5_DIGEST;
}

static unsigned encode_foexp(const struct drill_tcp_option *option, uint8_t *bytes) {
    unsigned len = 2 + encode_bytes(option, KIND_EXPERIMENT, bytes);
    memmove(bytes + 4, bytes + 2, len - 4);
    bytes[1] = (uint8_t)len;
    octets_put16(bytes + 2, FOEXP_MAGIC);
    return len;
}

unsigned option_encode(const struct drill_tcp_option *option, uint8_t bytes[TCP_OPTION_ROOM]) {
    switch (option->kind) {
    case DRILL_OPT_EOL: bytes[0] = KIND_EOL; return 1;
    case DRILL_OPT_NOP: bytes[0] = KIND_NOP; return 1;
    case DRILL_OPT_MSS:
        bytes[0] = KIND_MSS;
        bytes[1] = 4;
        octets_put16(bytes + 2, option->value);
        return 4;
    case DRILL_OPT_WSCALE:
        bytes[0] = KIND_WSCALE;
        bytes[1] = 3;
        bytes[2] = (uint8_t)option->value;
        return 3;
    case DRILL_OPT_SACKOK:
        bytes[0] = KIND_SACKOK;
        bytes[1] = 2;
        return 2;
    case DRILL_OPT_SACK: return encode_sack(option, bytes);
    case DRILL_OPT_TS: return encode_ts(option, bytes);
    case DRILL_OPT_MD5: return encode_md5(option, bytes);
    case DRILL_OPT_FO: return encode_bytes(option, KIND_FO, bytes);
    case DRILL_OPT_FOEXP: return encode_foexp(option, bytes);
    case DRILL_OPT_ECN:
    case DRILL_OPT_GENERIC: break;
    }
    return encode_bytes(option, (uint8_t)option->value, bytes);
}

unsigned options_encode(const struct drill_packet *packet, uint8_t bytes[TCP_OPTIONS_MAX]) {
    unsigned total = 0;
    for (unsigned i = 0; i < packet->noptions && i < DRILL_OPTIONS; i++) {
        uint8_t one[TCP_OPTION_ROOM];
        unsigned len = option_encode(&packet->option[i], one);
        if (total + len <= TCP_OPTIONS_MAX) memcpy(bytes + total, one, len);
        total += len;
    }
    return total;
}

bool options_len_ok(unsigned len, struct drill_text *error) {
    if (len > TCP_OPTIONS_MAX)
        drill_text_add(error, "TCP options of %u bytes are too long: a header has room for %d", len, TCP_OPTIONS_MAX);
    else if (len % 4)
        drill_text_add(error, "TCP options of %u bytes do not fill 32-bit words: pad them with nop or eol", len);
    return len <= TCP_OPTIONS_MAX && len % 4 == 0;
}

/* --- From bytes --- */

static void decode_bytes(struct drill_tcp_option *option, const uint8_t *data, unsigned len) {
    option->nbytes = len;
    memcpy(option->bytes, data, len);
}

static void decode_sack(struct drill_tcp_option *option, const uint8_t *data, unsigned len) {
    option->nblocks = len / 8;
    for (unsigned i = 0; i < option->nblocks; i++) {
        option->block[i].from = octets_get32(data + 8 * i);
        option->block[i].to = octets_get32(data + 8 * i + 4);
    }
}

/* Options whose value is a row of bytes. */
static void decode_row(struct drill_tcp_option *option, uint8_t kind, const uint8_t *data, unsigned len) {
    option->kind = DRILL_OPT_GENERIC;
    option->value = kind;
    if (kind == KIND_FO) option->kind = DRILL_OPT_FO;
    if (kind == KIND_MD5 && len == MD5_DIGEST) option->kind = DRILL_OPT_MD5;
    if ((kind == KIND_ACCECN0 || kind == KIND_ACCECN1) && len % 3 == 0) option->kind = DRILL_OPT_ECN;
    if (kind == KIND_EXPERIMENT && len >= 2 && octets_get16(data) == FOEXP_MAGIC) {
        option->kind = DRILL_OPT_FOEXP;
        data += 2;
        len -= 2;
    }
    decode_bytes(option, data, len);
}

static void decode_one(struct drill_tcp_option *option, uint8_t kind, const uint8_t *data, unsigned len) {
    memset(option, 0, sizeof *option);
    if (kind == KIND_MSS && len == 2) {
        option->kind = DRILL_OPT_MSS;
        option->value = octets_get16(data);
    } else if (kind == KIND_WSCALE && len == 1) {
        option->kind = DRILL_OPT_WSCALE;
        option->value = data[0];
    } else if (kind == KIND_SACKOK && len == 0) {
        option->kind = DRILL_OPT_SACKOK;
    } else if (kind == KIND_SACK && len && len % 8 == 0 && len <= 32) {
        option->kind = DRILL_OPT_SACK;
        decode_sack(option, data, len);
    } else if (kind == KIND_TS && len == 8) {
        option->kind = DRILL_OPT_TS;
        option->value = octets_get32(data);
        option->ecr = octets_get32(data + 4);
    } else {
        decode_row(option, kind, data, len);
    }
}

bool options_decode(const uint8_t *bytes, unsigned len, struct drill_packet *packet) {
    packet->noptions = 0;
    if (len > TCP_OPTIONS_MAX) return false;
    while (len) {
        struct drill_tcp_option *option = &packet->option[packet->noptions];
        unsigned step = 1;
        if (bytes[0] == KIND_EOL || bytes[0] == KIND_NOP) {
            memset(option, 0, sizeof *option);
            option->kind = bytes[0] == KIND_EOL ? DRILL_OPT_EOL : DRILL_OPT_NOP;
        } else {
            if (len < 2 || bytes[1] < 2 || bytes[1] > len) return false;
            step = bytes[1];
            decode_one(option, bytes[0], bytes + 2, step - 2);
        }
        packet->noptions++;
        bytes += step;
        len -= step;
    }
    return true;
}

/* --- To text --- */

static void write_hex(const struct drill_tcp_option *option, struct drill_text *text) {
    unsigned n = option->nbytes < sizeof option->bytes ? option->nbytes : (unsigned)sizeof option->bytes;
    for (unsigned i = 0; i < n; i++) drill_text_add(text, "%02x", option->bytes[i]);
}

static void write_named_hex(const char *name, const struct drill_tcp_option *option, struct drill_text *text) {
    drill_text_add(text, "%s%s", name, option->nbytes ? " " : "");
    write_hex(option, text);
}

/* RFC 9768, 3.2.3: three-byte counters, the kind tells their order. */
static void write_ecn(const struct drill_tcp_option *option, struct drill_text *text) {
    static const char *const names[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
    drill_text_add(text, "ECN");
    for (unsigned i = 0; i < 3 && 3 * i + 3 <= option->nbytes; i++) {
        const uint8_t *at = option->bytes + 3 * i;
        drill_text_add(text, " %s %" PRIu32, names[option->value == KIND_ACCECN1][i],
                       (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2]);
    }
}

static void write_ts(const struct drill_tcp_option *option, struct drill_text *text) {
    if (option->value_any)
        drill_text_add(text, "TS val ... ecr ");
    else
        drill_text_add(text, "TS val %" PRIu32 " ecr ", option->value);
    if (option->ecr_any)
        drill_text_add(text, "...");
    else
        drill_text_add(text, "%" PRIu32 "%s", option->ecr, option->ecr_absolute ? "!" : "");
}

static void write_sack(const struct drill_tcp_option *option, struct drill_text *text) {
    drill_text_add(text, "sack");
    for (unsigned i = 0; i < option->nblocks && i < 4; i++)
        drill_text_add(text, " %" PRIu32 ":%" PRIu32, option->block[i].from, option->block[i].to);
}

void option_write(const struct drill_tcp_option *option, struct drill_text *text) {
    switch (option->kind) {
    case DRILL_OPT_EOL: drill_text_add(text, "eol"); break;
    case DRILL_OPT_NOP: drill_text_add(text, "nop"); break;
    case DRILL_OPT_MSS: drill_text_add(text, "mss %" PRIu32, option->value); break;
    case DRILL_OPT_WSCALE: drill_text_add(text, "wscale %" PRIu32, option->value); break;
    case DRILL_OPT_SACKOK: drill_text_add(text, "sackOK"); break;
    case DRILL_OPT_SACK: write_sack(option, text); break;
    case DRILL_OPT_TS: write_ts(option, text); break;
    case DRILL_OPT_MD5:
        if (option->nbytes)
            write_named_hex("md5", option, text);
        else
            drill_text_add(text, "md5 valid");
        break;
    case DRILL_OPT_FO: write_named_hex("FO", option, text); break;
    case DRILL_OPT_FOEXP: write_named_hex("FOEXP", option, text); break;
    case DRILL_OPT_ECN: write_ecn(option, text); break;
    case DRILL_OPT_GENERIC:
        drill_text_add(text, "gen-%" PRIu32 "%s", option->value, option->nbytes ? " " : "");
        write_hex(option, text);
        break;
    }
}

void options_write(const struct drill_packet *packet, struct drill_text *text) {
    if (packet->options_any) {
        drill_text_add(text, "<...>");
        return;
    }
    for (unsigned i = 0; i < packet->noptions && i < DRILL_OPTIONS; i++) {
        drill_text_add(text, i ? "," : "<");
        option_write(&packet->option[i], text);
    }
    if (packet->noptions) drill_text_add(text, ">");
}
