#include "json.h"

#include <stdio.h>
#include <string.h>

static void put(struct cgiw_json *json, const char *s, size_t len)
{
    if (json->full || len > json->size - json->len) {
        json->full = 1;
        return;
    }
    memcpy(json->text + json->len, s, len);
    json->len += len;
}

/* Bytes of the UTF-8 character at s, 0 when there is none (RFC 3629 4). */
static size_t character(const unsigned char *s, size_t len)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;

    if (n == 0 || n > len) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* overlong, surrogates, beyond U+10FFFF */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)
        || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)) {
        return 0;
    }
    return n;
}

static void put_escaped(struct cgiw_json *json, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        const unsigned char *c = (const unsigned char *)s + i;
        size_t n = character(c, len - i);
        char escape[8];

        if (n == 0) {
            put(json, "\\ufffd", 6);
            n = 1;
        }
        else if (*c == '"' || *c == '\\') {
            escape[0] = '\\';
            escape[1] = (char)*c;
            put(json, escape, 2);
        }
        else if (*c < ' ' || *c == 0x7f
                 || (n == 2 && *c == 0xc2 && c[1] < 0xa0)) {
            (void)snprintf(escape, sizeof escape, "\\u%04x",
                           n == 2 ? c[1] : *c);
            put(json, escape, 6);
        }
        else {
            put(json, s + i, n);
        }
        i += n;
    }
}

static void put_key(struct cgiw_json *json, const char *key)
{
    if (json->len > 1) {
        put(json, ",", 1);
    }
    put(json, "\"", 1);
    put(json, key, strlen(key));
    put(json, "\":", 2);
}

void cgiw_json_begin(struct cgiw_json *json, char *text, size_t size)
{
    *json = (struct cgiw_json){.text = text, .size = size};
    put(json, "{", 1);
}

void cgiw_json_number(struct cgiw_json *json, const char *key, uint64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);

    put_key(json, key);
    put(json, digits, (size_t)n);
}

void cgiw_json_string(struct cgiw_json *json, const char *key,
                      const char *value, size_t len)
{
    put_key(json, key);
    put(json, "\"", 1);
    put_escaped(json, value, len);
    put(json, "\"", 1);
}

size_t cgiw_json_end(struct cgiw_json *json)
{
    put(json, "}\n", 2);
    return json->full ? 0 : json->len;
}
