/* Addresses as 64-bit visitors. */
#include "visitor.h"

#include <arpa/inet.h>
#include <string.h>

#include <sodium/crypto_shorthash_siphash24.h>

_Static_assert(COUNTER_VISITOR_KEY_BYTES
                   == crypto_shorthash_siphash24_KEYBYTES,
               "the key is SipHash's");

/* What of an address makes the visitor: '4' and the address, or '6' and the
 * upper half. The first byte keeps the two families apart under the hash. */
struct identity {
    uint8_t bytes[9];
    size_t len;
};

static void identity_v4(struct identity *id, const uint8_t address[4])
{
    id->bytes[0] = '4';
    memcpy(id->bytes + 1, address, 4);
    id->len = 5;
}

static bool identify(const char *address, struct identity *id)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    size_t len = strcspn(address, "%");
    char text[INET6_ADDRSTRLEN];
    uint8_t a[16];

    if (len >= sizeof text) {
        return false;
    }
    memcpy(text, address, len);
    text[len] = '\0';
    if (address[len] == '\0' && inet_pton(AF_INET, text, a) == 1) {
        identity_v4(id, a);
        return true;
    }
    if (inet_pton(AF_INET6, text, a) != 1) {
        return false;
    }
    if (memcmp(a, mapped, sizeof mapped) == 0) {
        identity_v4(id, a + 12);
        return true;
    }
    id->bytes[0] = '6';
    memcpy(id->bytes + 1, a, 8);
    id->len = 9;
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
