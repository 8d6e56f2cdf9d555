/* A visitor, as the store remembers the last one: 64 bits, never 0.
 *
 * An IPv4 address counts as itself (also in its IPv6-mapped form), an IPv6
 * address as its /64, which is what one household or line has. By default the
 * 64 bits are a SipHash-2-4 under the installation's secret key, so that the
 * store alone does not tell who visited. */
#ifndef COUNTER_VISITOR_H
#define COUNTER_VISITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTER_VISITOR_KEY_BYTES 16

enum counter_visitor_mode {
    COUNTER_VISITOR_HASHED,
    COUNTER_VISITOR_PLAIN /* readable: v4 as 0x0000ffffAABBCCDD, v6 its /64 */
};

struct counter_visitors {
    enum counter_visitor_mode mode;
    uint8_t key[COUNTER_VISITOR_KEY_BYTES];
};

/* address: "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", with or without a
 * %zone. Returns the visitor, or 0 when it is no address (then the request
 * shows and does not count). */
uint64_t counter_visitor(const struct counter_visitors *v,
                         const char *address);

/* A network: an address and how many of its bits count. IPv4 is kept in its
 * IPv6-mapped form (bits 96 and up). */
struct counter_net {
    uint8_t address[16];
    unsigned bits; /* 0..128 */
};

/* Reads ADDRESS or ADDRESS/BITS (IPv4: 0..32, IPv6: 0..128). Bits of the
 * address behind those that count are dropped. OMK_EINVAL, OMK_ERANGE. */
int counter_net_parse(const char *text, struct counter_net *out);

/* Is address (as for counter_visitor) in one of n networks? What is no address
 * is in none. */
bool counter_net_has(const struct counter_net *nets, size_t n,
                     const char *address);

#endif
