#include "conf.h"

#include "err.h"
#include "file.h"
#include "node.h"
#include "scan.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* libconfuse's error callback has no argument of ours. */
static _Thread_local struct {
    const char *name;
    struct omk_err *err;
} reading;

void omk_conf_where(char *out, size_t size, const char *name, unsigned line)
{
    size_t len = strlen(name);
    size_t room = size - 16;

    (void)snprintf(out, size, "%s:%u", len > room ? name + len - room : name,
                   line);
}

static void make_printable(char *s)
{
    for (; *s; s++) {
        if (*s < ' ' || *s > '~') {
            *s = '?';
        }
    }
}

static void on_error(cfg_t *cfg, const char *format, va_list ap)
{
    char where[sizeof reading.err->where];
    char text[sizeof reading.err->text];

    if (!reading.err || reading.err->code) {
        return; /* the first one says it */
    }
    omk_conf_where(where, sizeof where, reading.name,
                   cfg && cfg->line > 0 ? (unsigned)cfg->line : 1);
    (void)vsnprintf(text, sizeof text, format, ap);
    make_printable(text);
    (void)omk_fail(reading.err, OMK_EINVAL, where, "%s", text);
}

static apr_status_t free_cfg(void *cfg)
{
    cfg_free(cfg);
    return APR_SUCCESS;
}

cfg_t *omk_conf_new(apr_pool_t *p, cfg_opt_t *opts)
{
    cfg_t *cfg = cfg_init(opts, CFGF_NONE);

    if (!cfg) {
        abort(); /* as an APR pool does when memory is out */
    }
    apr_pool_cleanup_register(p, cfg, free_cfg, apr_pool_cleanup_null);
    (void)cfg_set_error_function(cfg, on_error);
    return cfg;
}

static unsigned line_of(const char *text, const char *at)
{
    unsigned line = 1;

    for (; text < at; text++) {
        line += *text == '\n';
    }
    return line;
}

static int refuse_bytes(const char *name, const char *text, size_t len,
                        struct omk_err *err)
{
    const char *nul = memchr(text, '\0', len);
    const char *env = memmem(text, len, "${", 2);
    char where[sizeof err->where];

    if (!nul && !env) {
        return OMK_OK;
    }
    omk_conf_where(where, sizeof where, name, line_of(text, nul ? nul : env));
    return omk_fail(err, OMK_EINVAL, where,
                    nul ? "a NUL byte; expected text"
                        : "'${'; the environment is not read here");
}

/* What libconfuse takes for an end: a section, string or comment left open. */
static int refuse_open_ends(const char *name, const char *text, size_t len,
                            struct omk_err *err)
{
    struct omk_scan s = {.at = text, .end = text + len, .line = 1};
    unsigned opened[16] = {0}, depth = 0, line;
    char where[sizeof err->where];
    const char *what = NULL;
    const char *from;
    enum omk_token t;
    size_t n;

    do {
        line = s.line;
        t = omk_scan_next(&s, &from, &n);
        if (t == OMK_T_BAD) {
            what = "a string or comment that begins here does not end";
        }
        else if (t == OMK_T_MARK && *from == '{') {
            opened[depth % 16] = line;
            what = ++depth > 16 ? "too many '{'" : NULL;
        }
        else if (t == OMK_T_MARK && *from == '}') {
            what = depth ? NULL : "a '}' without its '{'";
            depth -= depth > 0;
        }
    } while (t != OMK_T_END && !what);
    if (!what && depth) {
        what = "a '{' without its '}'";
        line = opened[depth - 1];
    }
    if (!what) {
        return OMK_OK;
    }
    omk_conf_where(where, sizeof where, name, line);
    return omk_fail(err, OMK_EINVAL, where, "%s", what);
}

/* libconfuse 3.3 counts a line with a comment more than once. */
static void blank_comments(char *text, size_t len)
{
    struct omk_scan s = {.at = text, .end = text + len, .line = 1};
    const char *from;
    enum omk_token t;
    size_t n;

    do {
        t = omk_scan_next(&s, &from, &n);
        for (char *c = text + (from - text); t == OMK_T_COMMENT && n;
             n--, c++) {
            *c = *c == '\n' ? '\n' : ' ';
        }
    } while (t != OMK_T_END && t != OMK_T_BAD);
}

int omk_conf_read(cfg_t *cfg, apr_pool_t *p, const char *name, const char *text,
                  size_t len, struct omk_err *err)
{
    struct omk_err e = {0};
    int rc = refuse_bytes(name, text, len, err);
    char *copy;

    if (rc == OMK_OK) {
        rc = refuse_open_ends(name, text, len, err);
    }
    if (rc) {
        return rc;
    }
    copy = apr_pstrmemdup(p, text, len);
    blank_comments(copy, len);
    reading.name = name;
    reading.err = &e;
    rc = cfg_parse_buf(cfg, copy);
    reading.err = NULL;
    if (rc == CFG_SUCCESS && !e.code) {
        return OMK_OK;
    }
    if (!e.code) {
        omk_conf_where(e.where, sizeof e.where, name,
                       cfg->line > 0 ? (unsigned)cfg->line : 1);
        (void)snprintf(e.text, sizeof e.text,
                       "cannot be read; expected NAME = VALUE and sections "
                       "NAME { ... }");
    }
    return omk_fail(err, OMK_EINVAL, e.where, "%s", e.text);
}

const char *omk_conf_last_string(cfg_opt_t *opt)
{
    unsigned n = cfg_opt_size(opt);
    const char *s = n ? cfg_opt_getnstr(opt, n - 1) : NULL;

    return s ? s : "";
}

int omk_conf_bad(cfg_t *cfg, const struct omk_err *err)
{
    cfg_error(cfg, "%s", err->text);
    return -1;
}

static apr_status_t free_data(void *data)
{
    free(data);
    return APR_SUCCESS;
}

int omk_conf_file(apr_pool_t *p, const char *path, const char **data,
                  size_t *len, struct omk_err *err)
{
    char *d;
    int rc = omk_file_read(path, OMK_CONF_MAX, &d, len, err);

    if (rc == OMK_OK) {
        apr_pool_cleanup_register(p, d, free_data, apr_pool_cleanup_null);
        *data = d;
    }
    return rc;
}

int omk_conf_check_file(int fd, const char *path, mode_t *mode,
                        struct omk_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return omk_fail(err, OMK_EIO, path, "fstat: %s", strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return omk_fail(err, OMK_EDENIED, path, "not a regular file");
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        return omk_fail(err, OMK_EDENIED, path,
                        "belongs to uid %lu; expected root's",
                        (unsigned long)st.st_uid);
    }
    if (st.st_mode & (S_IWGRP | S_IWOTH)) { /* an ACL's mask shows there too */
        return omk_fail(err, OMK_EDENIED, path,
                        "others may write it (mode %03o); chmod go-w",
                        (unsigned)st.st_mode & 0777);
    }
    *mode = st.st_mode & 07777;
    return OMK_OK;
}

int omk_conf_own_file(apr_pool_t *p, const char *path, const char **data,
                      size_t *len, struct omk_err *err)
{
    /* O_NONBLOCK: a fifo in the file's place must not stop us. */
    int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    char *d = NULL;
    mode_t mode;
    int rc;

    if (fd < 0) {
        return errno == ENOENT
                   ? omk_fail(err, OMK_ENOENT, path, "%s", strerror(errno))
               : errno == ELOOP
                   ? omk_fail(err, OMK_EDENIED, path,
                              "a symbolic link; expected a regular file")
                   : omk_fail(err, OMK_EIO, path, "open: %s", strerror(errno));
    }
    rc = omk_conf_check_file(fd, path, &mode, err);
    if (rc == OMK_OK) {
        rc = omk_file_read_fd(fd, path, OMK_CONF_MAX, &d, len, err);
    }
    close(fd);
    if (rc == OMK_OK) {
        apr_pool_cleanup_register(p, d, free_data, apr_pool_cleanup_null);
        *data = d;
    }
    return rc;
}
