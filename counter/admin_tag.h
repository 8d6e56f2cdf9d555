/* The <img> tag that shows a counter, a clock or a date, with its size. */
#ifndef COUNTER_ADMIN_TAG_H
#define COUNTER_ADMIN_TAG_H

#include "query.h"

struct omk_err;

struct counter_tag {
    const char *url;     /* of Count.cgi: a path, or http(s)://HOST/… */
    const char *designs; /* directory */
    const char *images;  /* directory, may be NULL */
    const char *alt;     /* NULL: by what is shown, and the language */
    bool japanese;
    const struct counter_query_limits *limits;
    int64_t now;
};

struct counter_tag_result { /* each malloc'd; NULL but in a result */
    char *tag;  /* HTML, one line without its end */
    char *src;  /* the URL, not escaped for HTML */
    char *alt;
    unsigned width, height; /* for the tag: without `scale` */
};

/* Makes a tag from keys and values of Count.cgi's query string. settings[i] is
 * "key=value", in the order that they are to stand in. Values are taken as they
 * are and percent-encoded where a URL needs it. The tag's query is parsed as
 * Count.cgi would, so that no tag is printed that it would refuse.
 *
 * OMK_EINVAL, OMK_ERANGE, OMK_ENOENT (no such design or image), OMK_EIO,
 * OMK_ENOMEM. counter_tag_free after success. */
int counter_tag(const struct counter_tag *t, const char *const *settings,
                size_t count, struct counter_tag_result *out,
                struct omk_err *err);

void counter_tag_free(struct counter_tag_result *r);

#endif
