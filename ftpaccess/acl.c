/* The words after "Allow from" and "Deny from". */
#include "ftpaccess.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define ADDRESS_CHARS "0123456789ABCDEFabcdef.:"

static bool all_of(const char *s, const char *accept)
{
    return s[strspn(s, accept)] == '\0';
}

/* As getaddrinfo() reads it: also the short forms (1.2.3 is 1.2.0.3). Names
 * made of hexadecimal letters alone (cafe.de) ProFTPD would ask the DNS for;
 * here they are no address. */
static bool read_address(const char *s, struct ftpaccess_acl *acl)
{
    struct in_addr v4;

    if (inet_pton(AF_INET6, s, acl->address) == 1) {
        acl->family = AF_INET6;
        return true;
    }
    if (!*s || !all_of(s, "0123456789.xXabcdefABCDEF")
        || inet_aton(s, &v4) == 0) {
        return false;
    }
    acl->family = AF_INET;
    memcpy(acl->address, &v4, sizeof v4);
    return true;
}

static bool read_mask(const char *s, struct ftpaccess_acl *acl)
{
    char address[64];
    const char *slash = strchr(s, '/');
    size_t len = (size_t)(slash - s);
    char *end;
    long bits;

    if (len >= sizeof address) {
        return false;
    }
    memcpy(address, s, len);
    address[len] = '\0';
    if (!all_of(address, ADDRESS_CHARS) || !read_address(address, acl)) {
        return false;
    }
    errno = 0;
    bits = strtol(slash + 1, &end, 10);
    if (*end || errno || bits < 0
        || bits > (acl->family == AF_INET ? 32 : 128)) {
        return false;
    }
    acl->bits = (unsigned)bits;
    return true;
}

/* Letters other than a to f make a pattern one on names. */
static bool has_name_letter(const char *s)
{
    for (; *s; s++) {
        if (isalpha((unsigned char)*s) && !strchr("abcdefABCDEF", *s)) {
            return true;
        }
    }
    return false;
}

bool ftpaccess_acl_read(const char *text, struct ftpaccess_acl *acl,
                        char *(*dup)(void *, const char *, const char *),
                        void *dup_data)
{
    const char *s = text + (*text == '!');
    size_t len = strlen(s);

    memset(acl, 0, sizeof *acl);
    acl->text = text;
    acl->pattern = s;
    if (!*text) {
        return false;
    }
    if (strcasecmp(text, "all") == 0) {
        acl->kind = FTPACCESS_ACL_ALL;
        return true;
    }
    if (strcasecmp(text, "none") == 0) {
        acl->kind = FTPACCESS_ACL_NONE;
        return true;
    }
    acl->negated = s != text;
    if (strchr(text, '/')) {
        acl->kind = FTPACCESS_ACL_MASK;
        return read_mask(s, acl);
    }
    if (!all_of(text, ADDRESS_CHARS "!")) {
        if (strpbrk(s, "{[*?")) {
            acl->kind = has_name_letter(s) ? FTPACCESS_ACL_NAME_GLOB
                                           : FTPACCESS_ACL_IP_GLOB;
            return true;
        }
        acl->kind = *s == '.' ? FTPACCESS_ACL_NAME_GLOB : FTPACCESS_ACL_NAME;
        acl->pattern = *s == '.' && dup ? dup(dup_data, "*", s) : s;
        return true;
    }
    if (!strchr(text, '.')) {
        acl->kind = strchr(s, ':') ? FTPACCESS_ACL_ADDRESS : FTPACCESS_ACL_NAME;
        return acl->kind == FTPACCESS_ACL_NAME || read_address(s, acl);
    }
    if (len && s[len - 1] == '.') {
        acl->kind = FTPACCESS_ACL_IP_GLOB;
        acl->pattern = dup ? dup(dup_data, s, "*") : s;
        return true;
    }
    acl->kind = FTPACCESS_ACL_ADDRESS;
    return read_address(s, acl);
}

/* --- matching ------------------------------------------------------------ */

/* An IPv4 address in IPv6's clothes is an IPv4 address. */
static int plain_address(int family, const unsigned char *in,
                         unsigned char out[16])
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0,    0,
                                             0, 0, 0, 0, 0xff, 0xff};

    if (family == AF_INET6 && memcmp(in, mapped, sizeof mapped) == 0) {
        memmove(out, in + 12, 4);
        return AF_INET;
    }
    memmove(out, in, family == AF_INET ? 4 : 16);
    return family;
}

static int client_address(const char *text, unsigned char out[16])
{
    unsigned char raw[16];

    if (text && inet_pton(AF_INET, text, raw) == 1) {
        return plain_address(AF_INET, raw, out);
    }
    if (text && inet_pton(AF_INET6, text, raw) == 1) {
        return plain_address(AF_INET6, raw, out);
    }
    return AF_UNSPEC;
}

static bool same_bits(const unsigned char *a, const unsigned char *b,
                      unsigned bits)
{
    unsigned rest = bits % 8;

    if (memcmp(a, b, bits / 8) != 0) {
        return false;
    }
    return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

static bool matches_address(const struct ftpaccess_acl *acl, const char *text)
{
    unsigned char mine[16], theirs[16];
    int family = plain_address(acl->family, acl->address, mine);
    unsigned all = family == AF_INET ? 32 : 128;
    unsigned bits = acl->kind == FTPACCESS_ACL_MASK ? acl->bits : all;

    return client_address(text, theirs) == family && bits <= all
           && same_bits(mine, theirs, bits);
}

static const char *text_of_address(const char *text, char *room, size_t size)
{
    unsigned char raw[16];
    int family = client_address(text, raw);

    if (family == AF_UNSPEC || !inet_ntop(family, raw, room, (socklen_t)size)) {
        return text ? text : "";
    }
    return room;
}

static bool matches(const struct ftpaccess_acl *acl,
                    const struct ftpaccess_client *c)
{
    char room[INET6_ADDRSTRLEN];
    const char *address = text_of_address(c->address, room, sizeof room);
    const char *name = c->reverse_dns && c->host ? c->host : address;
    const int flags = FNM_NOESCAPE | FNM_CASEFOLD;

    switch (acl->kind) {
    case FTPACCESS_ACL_MASK:
    case FTPACCESS_ACL_ADDRESS:
        return matches_address(acl, c->address);
    case FTPACCESS_ACL_NAME:
        return strcmp(acl->pattern, name) == 0;
    case FTPACCESS_ACL_IP_GLOB:
        return fnmatch(acl->pattern, address, flags) == 0;
    case FTPACCESS_ACL_NAME_GLOB:
        return fnmatch(acl->pattern, name, flags) == 0;
    case FTPACCESS_ACL_ALL:
    case FTPACCESS_ACL_NONE:
        break;
    }
    return true;
}

int ftpaccess_acl_match(const struct ftpaccess_acl *acl,
                        const struct ftpaccess_client *client)
{
    if (acl->kind == FTPACCESS_ACL_ALL) {
        return 1;
    }
    if (acl->kind == FTPACCESS_ACL_NONE) {
        return -1;
    }
    if (acl->kind == FTPACCESS_ACL_NAME_GLOB && !client->reverse_dns) {
        return 0;
    }
    if (acl->negated) { /* either way the line is given up: see decide.c */
        return matches(acl, client) ? -1 : 1;
    }
    return matches(acl, client) ? 1 : 0;
}
