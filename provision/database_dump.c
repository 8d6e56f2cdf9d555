#include "database_impl.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Gives each line of fd to said, until its end. */
static void read_lines(int fd, void (*said)(void *ctx, const char *line),
                       void *ctx)
{
    const struct omk_db_report report = {said, ctx};
    FILE *in = fdopen(fd, "r");
    char line[512];

    if (!in) {
        (void)close(fd);
        return;
    }
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line) {
            omk_db_say(&report, "%s", line);
        }
    }
    (void)fclose(in); /* a pipe that was read */
}

/* Runs mariadb-dump with out as its output. 0, or an errno of the start. */
static int spawn_dump(const char *socket, const char *db, int out, int errors,
                      pid_t *pid)
{
    char option[300], user[80];
    char program[] = "mariadb-dump", no_defaults[] = "--no-defaults",
         force[] = "--force", quick[] = "--quick",
         single[] = "--single-transaction", hex[] = "--hex-blob",
         routines[] = "--routines", events[] = "--events",
         charset[] = "--default-character-set=utf8mb4",
         databases[] = "--databases", name[OMK_DB_NAME_MAX + 1];
    char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", lang[] = "LC_ALL=C";
    char *argv[] = {program, no_defaults, option, user,     force,
                    quick,   single,      hex,    routines, events,
                    charset, databases,   name,   NULL};
    char *env[] = {path, lang, NULL};
    posix_spawn_file_actions_t files;
    int rc;

    (void)snprintf(option, sizeof option, "--socket=%s", socket);
    (void)snprintf(user, sizeof user, "--user=%s", omk_db_os_user());
    (void)snprintf(name, sizeof name, "%s", db);
    rc = posix_spawn_file_actions_init(&files);
    if (rc) {
        return rc;
    }
    rc = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, out, 1);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, errors, 2);
    rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(&files, 3);
    rc = rc ? rc : posix_spawn_file_actions_addchdir_np(&files, "/");
    rc = rc ? rc : posix_spawnp(pid, program, &files, NULL, argv, env);
    (void)posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* With --force a view without its table costs that view, not the archive. The
 * last line alone tells that everything else is there. */
static bool is_complete(int fd)
{
    char end[128] = "";
    off_t size = lseek(fd, 0, SEEK_END);
    ssize_t n;

    if (size < (off_t)sizeof end - 1) {
        return false;
    }
    n = pread(fd, end, sizeof end - 1, size - (off_t)sizeof end + 1);
    return n > 0 && strstr(end, "\n-- Dump completed");
}

static int dump_to(struct omk_db *d, const char *db, int out,
                   void (*said)(void *ctx, const char *line), void *ctx,
                   struct omk_err *err)
{
    int errors[2], status = -1, rc;
    pid_t pid;

    if (pipe2(errors, O_CLOEXEC)) {
        return omk_fail(err, OMK_EIO, db, "pipe: %s", strerror(errno));
    }
    rc = spawn_dump(d->socket, db, out, errors[1], &pid);
    (void)close(errors[1]);
    if (rc) {
        (void)close(errors[0]);
        return omk_fail(err, OMK_EIO, db,
                        "mariadb-dump: %s (package "
                        "mariadb-client)",
                        strerror(rc));
    }
    read_lines(errors[0], said, ctx);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || !is_complete(out)) {
        return omk_fail(err, OMK_EIO, db,
                        "mariadb-dump did not get to its end; is the disk full "
                        "or the server gone?");
    }
    return fsync(out) ? omk_fail(err, OMK_EIO, db, "%s", strerror(errno))
                      : OMK_OK;
}

static int dump_one(struct omk_db *d, const char *db, int dirfd,
                    void (*said)(void *ctx, const char *line), void *ctx,
                    struct omk_err *err)
{
    char file[OMK_DB_NAME_MAX + 5];
    int out, rc;

    (void)snprintf(file, sizeof file, "%s.sql", db);
    out = openat(dirfd, file,
                 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0) {
        return omk_fail(err, errno == EEXIST ? OMK_EBUSY : OMK_EIO, file, "%s",
                        strerror(errno));
    }
    rc = dump_to(d, db, out, said, ctx, err);
    if (close(out) && !rc) {
        rc = omk_fail(err, OMK_EIO, file, "%s", strerror(errno));
    }
    return rc;
}

static int dump_in(struct omk_db *d, apr_pool_t *p, const char *login,
                   int dirfd, void (*said)(void *ctx, const char *line),
                   void *ctx, struct omk_err *err)
{
    char user[OMK_DB_NAME_MAX + 1], name[OMK_DB_NAME_MAX + 1];
    struct omk_db_state *s;
    int rc;

    omk_db_user(login, user);
    rc = omk_db_load_of(d, p, user, &s, err);
    for (unsigned i = 1; i <= OMK_DATABASES_MAX && !rc; i++) {
        omk_db_name(login, i, name);
        if (omk_db_has(s, name)) {
            rc = dump_one(d, name, dirfd, said, ctx, err);
        }
    }
    if (!rc && fsync(dirfd)) {
        rc = omk_fail(err, OMK_EIO, "", "%s", strerror(errno));
    }
    return rc;
}

int omk_db_dump(struct omk_db *d, const char *login, int dirfd,
                void (*said)(void *ctx, const char *line), void *ctx,
                struct omk_err *err)
{
    apr_pool_t *p = omk_db_pool(err);
    int rc;

    if (!p) {
        return OMK_ENOMEM;
    }
    rc = dump_in(d, p, login, dirfd, said, ctx, err);
    apr_pool_destroy(p);
    return rc;
}
