#include "confine.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Younger than the oldest kernel headers that this is built with. */
#define FS_REFER (1ULL << 13)                  /* version 2 */
#define FS_TRUNCATE (1ULL << 14)               /* 3 */
#define FS_IOCTL_DEV (1ULL << 15)              /* 5 */
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0) /* 6 */
#define SCOPE_SIGNAL (1ULL << 1)

#define READ                                                                   \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE                 \
     | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                                  \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR             \
     | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR           \
     | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG               \
     | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO             \
     | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | FS_REFER  \
     | FS_TRUNCATE)
#define DEVICES                                                                \
    (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define ALL (READ | WRITE | FS_IOCTL_DEV)

/* struct landlock_ruleset_attr, as long as it has become. */
struct ruleset {
    uint64_t fs, net, scoped;
};

/* What is not there is left out. Interpreters and their libraries, and what
 * these look up; each may be a link, then it is what it points to. */
static const struct {
    const char *path;
    uint64_t access;
} of_the_system[] = {
    {"/usr", READ},
    {"/bin", READ},
    {"/sbin", READ},
    {"/lib", READ},
    {"/lib32", READ},
    {"/lib64", READ},
    {"/libx32", READ},
    {"/opt", READ},
    {"/etc", READ},
    {"/proc", DEVICES}, /* /proc/self/…; the rest is the kernel's to refuse */
    {"/sys", READ},
    {"/run", READ}, /* resolv.conf; sockets are not restricted */
    {"/var/cache/fontconfig", READ},
    {"/var/lib/ghostscript", READ},
    {"/var/lib/texmf", READ},
    {"/var/lib/php/sessions", READ | WRITE},
    {"/dev", DEVICES}, /* null, urandom, tty; making none */
    {"/dev/shm", READ | WRITE},
    {"/tmp", READ | WRITE},
    {"/var/tmp", READ | WRITE},
    /* Mail drops: set-id programs are confined, too. */
    {"/var/spool/postfix", READ | WRITE},
    {"/var/spool/exim4", READ | WRITE},
    {"/var/log/exim4", READ | WRITE},
    {"/var/spool/mqueue-client", READ | WRITE},
    {"/var/spool/nullmailer", READ | WRITE},
};

int cgiw_confine_version(void)
{
    long v = syscall(SYS_landlock_create_ruleset, NULL, 0,
                     LANDLOCK_CREATE_RULESET_VERSION);

    return v < 0 ? 0 : (int)v;
}

/* What a kernel of that version knows of it; what it does not, it does not
 * restrict. */
static uint64_t known(uint64_t access, int version)
{
    access &= version < 2 ? ~FS_REFER : ~0ULL;
    access &= version < 3 ? ~FS_TRUNCATE : ~0ULL;
    return access & (version < 5 ? ~FS_IOCTL_DEV : ~0ULL);
}

static int ruleset_make(int version)
{
    struct ruleset r = {.fs = known(ALL, version)};
    size_t size = sizeof r.fs;

    if (version >= 6) {
        r.scoped = SCOPE_SIGNAL | SCOPE_ABSTRACT_UNIX_SOCKET;
        size = sizeof r;
    }
    return (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
}

static int allow(int ruleset, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access};
    int rc = 0;

    rule.parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (rule.parent_fd < 0) {
        return -errno;
    }
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                &rule, 0)) {
        rc = -errno;
    }
    close(rule.parent_fd);
    return rc;
}

static int allow_system(int ruleset, int version, const char **failed)
{
    for (size_t i = 0; i < sizeof of_the_system / sizeof *of_the_system; i++) {
        int rc = allow(ruleset, of_the_system[i].path,
                       known(of_the_system[i].access, version));

        if (rc && rc != -ENOENT && rc != -ENOTDIR) {
            *failed = of_the_system[i].path;
            return rc;
        }
    }
    return 0;
}

int cgiw_confine_make(const char *const *own, size_t count, int *fd,
                      struct omk_err *err)
{
    int version = cgiw_confine_version(), ruleset, rc;
    const char *path = "";

    if (!version) {
        return omk_fail(err, OMK_ENOENT, "confine",
                        "this kernel has no Landlock (Linux 5.13 and newer, "
                        "lsm=landlock,… at boot): scripts cannot be confined");
    }
    ruleset = ruleset_make(version);
    if (ruleset < 0) {
        return omk_fail(err, OMK_EIO, "confine", "landlock: %s",
                        strerror(errno));
    }
    rc = allow_system(ruleset, version, &path);
    for (size_t i = 0; i < count && !rc; i++) {
        path = own[i];
        rc = allow(ruleset, path, known(READ | WRITE, version));
    }
    if (rc) {
        close(ruleset);
        return omk_fail(err, OMK_EIO, path,
                        "scripts cannot be confined to it: %s", strerror(-rc));
    }
    *fd = ruleset;
    return OMK_OK;
}

int cgiw_confine_enter(int fd)
{
    return syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
}

int cgiw_confine_no_new_privs(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}
