/* ftpaccess fix and new: texts. */
#include "cli.h"

#include "err.h"
#include "file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* In place, beside the old file, by descriptors: its directory may be
 * anybody's. Owner and mode stay. */
static int write_beside(int dir, const char *name, const char *path,
                        const struct ftpaccess_report *r)
{
    char temporary[64];
    struct stat st;
    int fd;
    bool done;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0
        || !S_ISREG(st.st_mode)) {
        return cli_fail(EX_NOINPUT, path, "is no regular file");
    }
    (void)snprintf(temporary, sizeof temporary, ".ftpaccess.%ld.tmp",
                   (long)getpid());
    fd = openat(dir, temporary,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return cli_fail(EX_CANTCREAT, path, "its directory takes no new file");
    }
    done = omk_write_all(fd, r->mended, r->mended_len) == 0
           && (geteuid() != 0 || fchown(fd, st.st_uid, st.st_gid) == 0)
           && fchmod(fd, st.st_mode & 0777) == 0 && fsync(fd) == 0
           && renameat(dir, temporary, dir, name) == 0 && fsync(dir) == 0;
    close(fd);
    if (!done) {
        (void)unlinkat(dir, temporary, 0);
        return cli_fail(EX_IOERR, path, "cannot be written; it is as it was");
    }
    return EX_OK;
}

static int write_back(const char *path, const struct ftpaccess_report *r)
{
    const char *slash = strrchr(path, '/');
    char *parent =
        slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int dir = parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int rc = dir < 0 ? cli_fail(EX_NOINPUT, path, "cannot be opened")
                     : write_beside(dir, slash ? slash + 1 : path, path, r);

    if (dir >= 0) {
        close(dir);
    }
    free(parent);
    return rc;
}

/* What nobody but the author can mend is said on stderr. */
static int say_rest(const struct cli *c, const char *path,
                    const struct ftpaccess_report *r)
{
    char what[600], today[600], where[512];
    int status = EX_OK;

    for (size_t i = 0; i < r->count; i++) {
        const struct ftpaccess_finding *f = &r->findings[i];
        bool judged =
            f->kind == FTPACCESS_ALLOWS_ALL || f->kind == FTPACCESS_DENIES_ALL;
        bool encoded = f->kind == FTPACCESS_BOM || f->kind == FTPACCESS_UTF16;

        if ((f->mended && !judged) || encoded
            || f->severity == FTPACCESS_NOTE) {
            continue;
        }
        ftpaccess_finding_text(f, c->lang, what, sizeof what, today,
                               sizeof today);
        (void)snprintf(where, sizeof where, "%s:%u:%u", path, f->pos.line,
                       f->pos.column);
        status = cli_fail(1, where, what);
    }
    return status;
}

int cli_fix(struct cli *c)
{
    const char *path = c->args[0];
    struct ftpaccess_report *r;
    char *text;
    size_t len;
    int rc = cli_read(path, &text, &len);

    if (rc != EX_OK) {
        return rc;
    }
    r = ftpaccess_lint(text, len, true);
    free(text);
    if (!r) {
        return cli_fail(EX_OSERR, path, "out of memory");
    }
    if (!c->write || strcmp(path, "-") == 0) {
        (void)fwrite(r->mended, 1, r->mended_len, stdout);
    }
    else if (r->changed) {
        rc = write_back(path, r);
    }
    rc = rc == EX_OK ? say_rest(c, path, r) : rc;
    ftpaccess_report_free(r);
    return rc;
}

/* --- new ----------------------------------------------------------------- */

static bool usable(const char *who)
{
    char *text = NULL;
    struct ftpaccess_report *r;
    bool good = false;

    if (strpbrk(who, " \t\r\n#\"") || !*who || strcasecmp(who, "none") == 0
        || asprintf(&text,
                    "<Limit ALL>\nAllow from %s\nDeny from all\n</Limit>\n",
                    who)
               < 0) {
        return false;
    }
    r = ftpaccess_lint(text, strlen(text), true);
    if (r) {
        good = true;
        for (size_t i = 0; i < r->count; i++) {
            good = good && r->findings[i].severity == FTPACCESS_NOTE;
        }
    }
    ftpaccess_report_free(r);
    free(text);
    return good;
}

static int check_commands(const char *commands)
{
    char *copy = strdup(commands), *rest = copy, *word;
    int rc = EX_OK;

    while (rest && rc == EX_OK && (word = strsep(&rest, " ,")) != NULL) {
        if (*word
            && (!ftpaccess_limit_word(word)
                || strcasecmp(word, "LOGIN") == 0)) {
            rc = cli_fail(EX_USAGE, word, "no command that can be limited");
        }
    }
    free(copy);
    return rc;
}

int cli_new(struct cli *c)
{
    int rc = c->for_commands ? check_commands(c->for_commands) : EX_OK;

    if (c->allow_count == 0) {
        return cli_fail(EX_USAGE, "new", "needs --allow ADDRESS or .DOMAIN");
    }
    for (size_t i = 0; i < c->allow_count && rc == EX_OK; i++) {
        if (!usable(c->allow[i])) {
            rc = cli_fail(EX_USAGE, c->allow[i],
                          "is no address, network or .domain that would match "
                          "as it stands");
        }
    }
    if (rc != EX_OK) {
        return rc;
    }
    printf("<Limit %s>\n    Order Allow,Deny\n",
           c->for_commands ? c->for_commands : "ALL");
    for (size_t i = 0; i < c->allow_count; i++) {
        printf("    Allow from %s\n", c->allow[i]);
    }
    printf("    Deny from all\n</Limit>\n");
    return EX_OK;
}
