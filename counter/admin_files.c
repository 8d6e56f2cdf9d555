#include "admin_files.h"

#include "err.h"
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* O_NONBLOCK: a fifo must not stop us before fstat has told what it is. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)

static int problem(const struct counter_files *to, const char *path,
                   const char *text)
{
    struct omk_err err;

    (void)omk_fail(&err, OMK_EINVAL, path, "%s", text);
    return to->problem(to->ctx, &err);
}

static int open_problem(const struct counter_files *to, const char *path)
{
    return problem(to, path,
                   errno == ELOOP ? "is a symbolic link and is not followed; "
                                    "name the file itself"
                                  : strerror(errno));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int read_regular(int fd, const struct stat *st, const char *path,
                        const struct counter_files *to)
{
    struct counter_file file = {.path = path,
                                .name = last_part(path),
                                .mtime = st->st_mtime};
    struct omk_err err;
    char *data;
    int rc = omk_file_read_fd(fd, path, COUNTER_FILES_MAX, &data, &file.len,
                              &err);

    if (rc != OMK_OK) {
        return to->problem(to->ctx, &err);
    }
    file.data = data;
    rc = to->file(to->ctx, &file);
    free(data);
    return rc;
}

/* --- a directory --------------------------------------------------------- */

static int read_entry(int dir, const char *name, const char *path,
                      const struct counter_files *to)
{
    int fd = openat(dir, name, OPEN_FLAGS);
    struct stat st;
    int rc;

    if (fd < 0) {
        return open_problem(to, path);
    }
    if (fstat(fd, &st) != 0) {
        rc = open_problem(to, path);
    }
    else if (!S_ISREG(st.st_mode)) {
        rc = problem(to, path,
                     S_ISDIR(st.st_mode)
                         ? "is a directory inside this one; name it itself"
                         : "is not a regular file");
    }
    else {
        rc = read_regular(fd, &st, path, to);
    }
    close(fd);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t count)
{
    while (count > 0) {
        free(names[--count]);
    }
    free(names);
}

static int list_names(DIR *d, char ***out, size_t *out_count)
{
    char **names = NULL;
    size_t count = 0;
    struct dirent *e;

    while ((e = readdir(d))) {
        char **more;

        if (e->d_name[0] == '.') {
            continue;
        }
        more = realloc(names, (count + 1) * sizeof *names);
        if (!more || !(more[count] = strdup(e->d_name))) {
            free_names(more ? more : names, count);
            return OMK_ENOMEM;
        }
        names = more;
        count++;
    }
    if (count > 1) {
        qsort(names, count, sizeof *names, by_name);
    }
    *out = names;
    *out_count = count;
    return OMK_OK;
}

static int read_directory(DIR *d, const char *path,
                          const struct counter_files *to)
{
    size_t len = strlen(path);
    const char *slash = len > 0 && path[len - 1] == '/' ? "" : "/";
    char **names;
    size_t count;
    int rc = list_names(d, &names, &count);

    if (rc != OMK_OK) {
        return rc;
    }
    for (size_t i = 0; rc == OMK_OK && i < count; i++) {
        char *file;

        if (asprintf(&file, "%s%s%s", path, slash, names[i]) < 0) {
            rc = OMK_ENOMEM;
            break;
        }
        rc = read_entry(dirfd(d), names[i], file, to);
        free(file);
    }
    free_names(names, count);
    return rc;
}

/* --- standard input ------------------------------------------------------ */

static int read_input(const struct counter_files *to)
{
    struct counter_file file = {.path = "standard input",
                                .name = "",
                                .mtime = time(NULL)};
    char *data = NULL;
    size_t room = 0;
    int rc;

    for (;;) {
        ssize_t n;

        if (room - file.len < 2) {
            char *more = realloc(data, room = room ? room * 2 : 65536);

            if (!more) {
                free(data);
                return OMK_ENOMEM;
            }
            data = more;
        }
        n = read(STDIN_FILENO, data + file.len, room - file.len - 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 || file.len > COUNTER_FILES_MAX) {
            rc = problem(to, file.path,
                         n < 0 ? strerror(errno) : "is too long");
            free(data);
            return rc;
        }
        if (n == 0) {
            break;
        }
        file.len += (size_t)n;
    }
    data[file.len] = '\0';
    file.data = data;
    rc = to->file(to->ctx, &file);
    free(data);
    return rc;
}

/* --- any ----------------------------------------------------------------- */

int counter_files_read(const char *path, const struct counter_files *to)
{
    struct stat st;
    DIR *d = NULL;
    int fd, rc;

    if (strcmp(path, "-") == 0) {
        return read_input(to);
    }
    fd = open(path, OPEN_FLAGS);
    if (fd < 0) {
        return open_problem(to, path);
    }
    if (fstat(fd, &st) != 0) {
        rc = open_problem(to, path);
    }
    else if (S_ISDIR(st.st_mode)) {
        d = fdopendir(fd);
        rc = d ? read_directory(d, path, to) : OMK_ENOMEM;
    }
    else if (S_ISREG(st.st_mode)) {
        rc = read_regular(fd, &st, path, to);
    }
    else {
        rc = problem(to, path, "is neither a regular file nor a directory");
    }
    if (d) {
        closedir(d);
    }
    else {
        close(fd);
    }
    return rc;
}
