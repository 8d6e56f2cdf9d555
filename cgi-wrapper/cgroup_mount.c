#include "cgroup_mount.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct word {
    const char *at;
    size_t len;
};

/* The next word of *line, up to a blank; false at the line's end. */
static bool next_word(const char **line, struct word *w)
{
    const char *s = *line + strspn(*line, " ");

    w->at = s;
    w->len = strcspn(s, " \n");
    *line = s + w->len;
    return w->len > 0;
}

static bool is(const struct word *w, const char *text)
{
    return w->len == strlen(text) && memcmp(w->at, text, w->len) == 0;
}

static bool copy(char out[CGIW_MOUNT_PATH], const char *from, size_t len)
{
    /* mountinfo writes blanks and the like as \040: nobody mounts cgroups
     * there. */
    if (len >= CGIW_MOUNT_PATH || memchr(from, '\\', len)) {
        return false;
    }
    memcpy(out, from, len);
    out[len] = '\0';
    return true;
}

unsigned cgiw_controller_bit(const char *name, size_t len)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {{"cpu", CGIW_CPU},
                 {"cpuacct", CGIW_CPUACCT},
                 {"memory", CGIW_MEMORY},
                 {"pids", CGIW_PIDS},
                 {"freezer", CGIW_FREEZER}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i].name) == len
            && memcmp(names[i].name, name, len) == 0) {
            return names[i].bit;
        }
    }
    return 0;
}

/* The bits of a list with commas: mount options, or controllers. */
static unsigned bits(const char *list, size_t len)
{
    unsigned found = 0;

    while (len > 0) {
        const char *comma = memchr(list, ',', len);
        size_t one = comma ? (size_t)(comma - list) : len;

        found |= cgiw_controller_bit(list, one);
        one += comma ? 1 : 0;
        list += one;
        len -= one;
    }
    return found;
}

/* The process's group in the hierarchy: version 2's, or version 1's with one
 * of these controllers. */
static bool own_group(const char *self, int version, unsigned controllers,
                      struct word *path)
{
    for (const char *end; *self; self = end + (*end == '\n')) {
        const char *list = strchr(self, ':');
        const char *colon = list ? strchr(list + 1, ':') : NULL;

        end = self + strcspn(self, "\n");
        if (!colon || colon > end) {
            continue;
        }
        if (version == 2
                ? colon == list + 1
                : bits(list + 1, (size_t)(colon - list - 1)) & controllers) {
            path->at = colon + 1;
            path->len = (size_t)(end - path->at);
            return true;
        }
    }
    return false;
}

/* Below root, which is what of the hierarchy is mounted. */
static bool set_own(struct cgiw_mount *m, const struct word *root,
                    const struct word *path)
{
    size_t skip = is(root, "/") ? 0 : root->len;

    if (path->len < skip || memcmp(path->at, root->at, skip) != 0
        || (path->len > skip && path->at[skip] != '/')
        || memmem(path->at, path->len, "/..", 3)) {
        return false;
    }
    return copy(m->own, path->at + skip,
                path->len - skip == 1 ? 0 : path->len - skip);
}

/* One line: ID PARENT DEV ROOT POINT OPTIONS [TAG…] - TYPE SOURCE OPTIONS */
static bool parse_line(const char *line, const char *self, struct cgiw_mount *m)
{
    struct word field[6], w, path;

    for (size_t i = 0; i < 6; i++) {
        if (!next_word(&line, &field[i])) {
            return false;
        }
    }
    do {
        if (!next_word(&line, &w)) {
            return false;
        }
    } while (!is(&w, "-"));
    if (!next_word(&line, &w)) {
        return false;
    }
    m->version = is(&w, "cgroup2") ? 2 : is(&w, "cgroup") ? 1 : 0;
    if (!m->version || !next_word(&line, &w) || !next_word(&line, &w)) {
        return false;
    }
    m->controllers = m->version == 1 ? bits(w.at, w.len) : 0;
    return (m->version == 2 || m->controllers)
           && copy(m->point, field[4].at, field[4].len)
           && own_group(self, m->version, m->controllers, &path)
           && set_own(m, &field[3], &path);
}

static bool is_there(const struct cgiw_mount *list, size_t count,
                     const struct cgiw_mount *m)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].version == m->version
            && list[i].controllers == m->controllers) {
            return true;
        }
    }
    return false;
}

size_t cgiw_mounts_parse(const char *mountinfo, const char *self_cgroup,
                         struct cgiw_mount list[CGIW_MOUNTS])
{
    size_t count = 0;
    struct cgiw_mount m;

    for (const char *line = mountinfo; *line && count < CGIW_MOUNTS;
         line += strcspn(line, "\n"), line += *line == '\n') {
        if (parse_line(line, self_cgroup, &m) && !is_there(list, count, &m)) {
            list[count++] = m;
        }
    }
    return count;
}
