/* Addresses as 64-bit visitors. */
#include "visitor.h"

#include "err.h"
#include "num.h"

#include <arpa/inet.h>
#include <string.h>

#include <sodium/crypto_shorthash_siphash24.h>

_Static_assert(COUNTER_VISITOR_KEY_BYTES == crypto_shorthash_siphash24_KEYBYTES,
               "the key is SipHash's");

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* What of an address makes the visitor: '4' and the address, or '6' and the
 * upper half. The first byte keeps the two families apart under the hash. */
struct identity {
    uint8_t bytes[9];
    size_t len;
};

/* len characters of text as 16 bytes, IPv4 in its mapped form. */
static bool parse_address(const char *text, size_t len, uint8_t out[16])
{
    const char *zone = memchr(text, '%', len);
    size_t address_len = zone ? (size_t)(zone - text) : len;
    char s[INET6_ADDRSTRLEN];

    if (address_len >= sizeof s) {
        return false;
    }
    memcpy(s, text, address_len);
    s[address_len] = '\0';
    if (!zone && inet_pton(AF_INET, s, out + 12) == 1) {
        memcpy(out, mapped, sizeof mapped);
        return true;
    }
    return inet_pton(AF_INET6, s, out) == 1;
}

static bool is_v4(const uint8_t address[16])
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

static bool identify(const char *address, struct identity *id)
{
    uint8_t a[16];

    if (!parse_address(address, strlen(address), a)) {
        return false;
    }
    id->bytes[0] = is_v4(a) ? '4' : '6';
    id->len = is_v4(a) ? 5 : 9;
    memcpy(id->bytes + 1, is_v4(a) ? a + 12 : a, id->len - 1);
    return true;
}

static uint64_t big_endian(const uint8_t *p, size_t len)
{
    uint64_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n = n << 8 | p[i];
    }
    return n;
}

static uint64_t plain(const struct identity *id)
{
    uint64_t n = big_endian(id->bytes + 1, id->len - 1);

    return id->bytes[0] == '4' ? UINT64_C(0xffff00000000) | n : n;
}

static uint64_t hashed(const struct identity *id, const uint8_t *key)
{
    uint8_t out[crypto_shorthash_siphash24_BYTES];

    (void)crypto_shorthash_siphash24(out, id->bytes, id->len, key); /* 0 */
    return big_endian(out, sizeof out);
}

uint64_t counter_visitor(const struct counter_visitors *v, const char *address)
{
    struct identity id;
    uint64_t n;

    if (!identify(address, &id)) {
        return 0;
    }
    n = v->mode == COUNTER_VISITOR_PLAIN ? plain(&id) : hashed(&id, v->key);
    return n ? n : 1; /* ::1 in plain; once in 2^64 hashed */
}

/* --- networks ------------------------------------------------------------ */

/* Those bits of a byte that belong to the network. */
static uint8_t mask(unsigned bits, size_t byte)
{
    size_t before = byte * 8;

    if (bits <= before) {
        return 0x00;
    }
    if (bits >= before + 8) {
        return 0xff;
    }
    return (uint8_t)((0xff00U >> (bits - before)) & 0xffU);
}

int counter_net_parse(const char *text, struct counter_net *out)
{
    size_t len = strcspn(text, "/");
    struct counter_net net;
    uint64_t bits;
    unsigned max;

    if (memchr(text, '%', len) || !parse_address(text, len, net.address)) {
        return OMK_EINVAL;
    }
    /* "::ffff:192.0.2.0/120" has its bits counted as IPv6 */
    max = is_v4(net.address) && !memchr(text, ':', len) ? 32 : 128;
    bits = max;
    if (text[len]) {
        int rc =
            omk_num_u64(text + len + 1, strlen(text + len + 1), 0, max, &bits);

        if (rc) {
            return rc;
        }
    }
    net.bits = (unsigned)bits + (max == 32 ? 96 : 0);
    for (size_t i = 0; i < sizeof net.address; i++) {
        net.address[i] &= mask(net.bits, i);
    }
    *out = net;
    return OMK_OK;
}

static bool in_net(const struct counter_net *net, const uint8_t address[16])
{
    for (size_t i = 0; i < sizeof net->address; i++) {
        if ((address[i] & mask(net->bits, i)) != net->address[i]) {
            return false;
        }
    }
    return true;
}

bool counter_net_has(const struct counter_net *nets, size_t n,
                     const char *address)
{
    uint8_t a[16];

    if (n == 0 || !parse_address(address, strlen(address), a)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (in_net(&nets[i], a)) {
            return true;
        }
    }
    return false;
}
