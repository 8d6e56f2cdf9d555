/* The Referer: a host that is taken from it is the one that a browser would
 * go to, and has the form that the site's table is asked with. And addresses,
 * which come as header-like text too. */
#include "err.h"
#include "fuzz.h"
#include "referrer.h"
#include "visitor.h"

#include <string.h>
#include <strings.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* The host as the WHATWG URL standard's parser finds it, before it decodes or
 * refuses any: white space and controls off the ends, tabs and newlines out,
 * any number of either slash behind the scheme, the last `@` ends the
 * userinfo. host has room for the URL. 0 when the scheme is not http(s). */
static int browser_host(const char *url, char *host)
{
    char *s = strdup(url);
    char *out = s;
    char *p, *at;
    size_t len;

    MUST(s);
    while (*url && (unsigned char)*url <= ' ') {
        url++;
    }
    for (; *url; url++) {
        if (!strchr("\t\r\n", *url)) {
            *out++ = *url;
        }
    }
    *out = '\0';
    len = strncasecmp(s, "http:", 5) == 0    ? 5
          : strncasecmp(s, "https:", 6) == 0 ? 6
                                             : 0;
    p = s + len;
    if (len) {
        p += strspn(p, "/\\");
        p[strcspn(p, "/\\?#")] = '\0';
        at = strrchr(p, '@');
        p = at ? at + 1 : p;
        p[*p == '[' ? strcspn(p, "]") + (strchr(p, ']') != NULL)
                    : strcspn(p, ":")] = '\0';
        len = strlen(p);
        if (len > 1 && p[len - 1] == '.') {
            p[len - 1] = '\0';
        }
        for (size_t i = 0; i <= strlen(p); i++) {
            host[i] = lower(p[i]);
        }
        len = 1;
    }
    free(s);
    return (int)len;
}

static void check_host(const char *url)
{
    char host[256];
    char small[16];
    char *other = malloc(strlen(url) + 1);

    MUST(other);
    if (counter_referrer_host(url, host, sizeof host) == OMK_OK) {
        size_t len = strlen(host);

        MUST(len > 0 && len <= 253);
        for (const char *p = host; *p; p++) {
            MUST((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9')
                 || strchr(host[0] == '[' ? "[]:." : "._-", *p));
        }
        MUST(host[0] != '.' && host[len - 1] != '.');
        MUST(browser_host(url, other) && strcmp(host, other) == 0);
        MUST(counter_referrer_host(url, small, sizeof small)
             == (len < sizeof small ? OMK_OK : OMK_EINVAL));
    }
    free(other);
}

static bool everybody(void *ctx, const char *host)
{
    *(int *)ctx += *host != '\0';
    return true;
}

static bool nobody(void *ctx, const char *host)
{
    (void)ctx;
    (void)host;
    return false;
}

static void check_verdict(const char *referer)
{
    struct counter_headers h = {"GET", referer, NULL, referer};
    int asked = 0;
    enum counter_referrer_verdict strict =
        counter_referrer_check(&h, COUNTER_REFERRER_STRICT, everybody, &asked);

    /* without metadata, strict passes by a host alone */
    MUST((strict == COUNTER_REFERRER_OK) == (asked == 1));
    MUST(counter_referrer_check(&h, COUNTER_REFERRER_STRICT, nobody, NULL)
         == COUNTER_REFERRER_REFUSED);
    /* what names a host that is nobody's passes in no mode */
    if (asked || strstr(referer, "//") == referer) {
        h.sec_fetch_site = "same-origin";
        MUST(counter_referrer_check(&h, COUNTER_REFERRER_LENIENT, nobody, NULL)
             == COUNTER_REFERRER_REFUSED);
    }
    (void)counter_headers_may_count(&h);
}

static void check_address(const char *s)
{
    static const struct counter_visitors hashed = {.key = {1, 2, 3}};
    static const struct counter_visitors plain = {.mode =
                                                      COUNTER_VISITOR_PLAIN};
    struct counter_net net;
    int rc = counter_net_parse(s, &net);

    MUST((counter_visitor(&plain, s) == 0)
         == (counter_visitor(&hashed, s) == 0));
    if (rc == OMK_OK) {
        MUST(net.bits <= 128);
        if (!strchr(s, '/')) {
            MUST(counter_net_has(&net, 1, s) && counter_visitor(&plain, s));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = malloc(size + 8);

    MUST(s);
    memcpy(s, "http://", 7);
    if (size) {
        memcpy(s + 7, data, size);
    }
    s[size + 7] = '\0';
    check_host(s);
    check_verdict(s);
    memmove(s, s + 7, size + 1);
    s = realloc(s, size + 1); /* exact, for ASan */
    MUST(s);
    check_host(s);
    check_verdict(s);
    check_address(s);
    free(s);
    return 0;
}
