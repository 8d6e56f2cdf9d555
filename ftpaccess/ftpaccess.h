/* libftpaccess: what ProFTPD 1.3.8 makes of .ftpaccess files.
 *
 * A file is parsed into its <Limit> sections with the position of everything
 * in it (parse.c); a chain of such files, the deepest directory first, decides
 * about one command of one client (decide.c); a session (session.c) follows a
 * ProFTPD process through its commands with the memory that such a process
 * has; the findings (lint.c) say what in a file is not what its author means,
 * what ProFTPD does with it today, and how the text is mended (fix.c).
 *
 * Read: ProFTPD 1.3.8's parser.c, dirtree.c, netacl.c, expr.c and mod_core.c;
 * t/e2e/ftpaccess_stock.t compares against the real server.
 *
 * libc only. No globals: objects of different threads are independent, an
 * object is one thread's at a time. Strings that come out belong to the object
 * that they were asked of. */
#ifndef FTPACCESS_H
#define FTPACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FTPACCESS_NAME ".ftpaccess"
/* Larger files are not read (ProFTPD would); nobody writes such a one. */
#define FTPACCESS_MAX_BYTES (256 * 1024)
#define FTPACCESS_PATH_ROOM 4096

/* --- the parsed file ----------------------------------------------------- */

/* A place in the file's text: line and column from 1, the column in
 * characters of UTF-8 (a byte that is none counts as one). */
struct ftpaccess_pos {
    unsigned line, column;
};

enum ftpaccess_acl_kind {
    FTPACCESS_ACL_ALL,
    FTPACCESS_ACL_NONE,
    FTPACCESS_ACL_MASK,    /* address/bits */
    FTPACCESS_ACL_ADDRESS, /* one address */
    FTPACCESS_ACL_IP_GLOB, /* pattern on the address as text */
    FTPACCESS_ACL_NAME,    /* the whole reverse name, case matters */
    FTPACCESS_ACL_NAME_GLOB
};

/* One word after "Allow from" or "Deny from". */
struct ftpaccess_acl {
    enum ftpaccess_acl_kind kind;
    bool negated;
    struct ftpaccess_pos pos;
    const char *text; /* as written */
    int family;       /* AF_INET or AF_INET6, of ADDRESS and MASK */
    unsigned char address[16];
    unsigned bits;
    const char *pattern; /* of the NAME and GLOB kinds */
};

enum ftpaccess_rule_kind {
    FTPACCESS_ALLOW,
    FTPACCESS_DENY,
    FTPACCESS_ALLOW_ALL,
    FTPACCESS_DENY_ALL,
    FTPACCESS_ORDER,
    FTPACCESS_ALLOW_USER,
    FTPACCESS_DENY_USER,
    FTPACCESS_ALLOW_GROUP,
    FTPACCESS_DENY_GROUP,
    FTPACCESS_ALLOW_CLASS,
    FTPACCESS_DENY_CLASS,
    FTPACCESS_ALLOW_FILTER,
    FTPACCESS_DENY_FILTER,
    FTPACCESS_OTHER /* of no consequence to who may do what */
};

enum ftpaccess_expr { FTPACCESS_OR, FTPACCESS_AND, FTPACCESS_REGEX };

struct ftpaccess_rule {
    enum ftpaccess_rule_kind kind;
    struct ftpaccess_pos pos;
    const char *name;         /* as ProFTPD spells it */
    bool deny_first;          /* ORDER: Deny,Allow */
    enum ftpaccess_expr expr; /* USER, GROUP, CLASS */
    const char *const *words; /* their names, or the regular expression */
    size_t word_count;
    const struct ftpaccess_acl *acls; /* ALLOW, DENY */
    size_t acl_count;                 /* 0: a line that ProFTPD rejects */
};

struct ftpaccess_limit {
    struct ftpaccess_pos pos;
    unsigned end_line; /* of its </Limit>; 0: there is none */
    const char *const *commands;
    size_t command_count;
    const struct ftpaccess_rule *rules;
    size_t rule_count;
};

/* What ProFTPD says in its log about a line and then ignores. */
enum ftpaccess_note_kind {
    FTPACCESS_NOTE_UNKNOWN,   /* no such directive */
    FTPACCESS_NOTE_CONTEXT,   /* not allowed where it stands */
    FTPACCESS_NOTE_ARGUMENTS, /* its arguments are wrong */
    FTPACCESS_NOTE_ACL,       /* an address that cannot be one */
    FTPACCESS_NOTE_ALL_LATE,  /* "all" after another word voids the line */
    FTPACCESS_NOTE_NEGATED_ALL,
    FTPACCESS_NOTE_REGEX,
    FTPACCESS_NOTE_SKIPPED /* <IfModule>, <IfDefine>: not read */
};

struct ftpaccess_note {
    enum ftpaccess_note_kind kind;
    struct ftpaccess_pos pos;
    const char *word;
};

struct ftpaccess_file {
    const struct ftpaccess_limit
        *limits; /* as in the file, empty ones left out */
    size_t limit_count;
    const struct ftpaccess_rule *rules; /* outside of all sections */
    size_t rule_count;
    const struct ftpaccess_note *notes;
    size_t note_count;
};

/* Parses len bytes as ProFTPD reads such a file: lines of 4,096 bytes,
 * continued after a backslash, a line's text ending at a NUL. Every text is a
 * file; NULL only for want of memory. */
struct ftpaccess_file *ftpaccess_parse(const char *text, size_t len);
void ftpaccess_free(struct ftpaccess_file *file); /* NULL is allowed */

/* Whether ProFTPD knows a directive of that name, and in .ftpaccess. */
bool ftpaccess_known(const char *name, bool *allowed);

/* Reads one word of an Allow or Deny line. false where ProFTPD rejects it.
 * The strings of *acl are text itself, or alloc'd by dup (which may be NULL:
 * then pattern is only valid for kinds that need no change of text). */
bool ftpaccess_acl_read(const char *text, struct ftpaccess_acl *acl,
                        char *(*dup)(void *, const char *, const char *),
                        void *dup_data);

/* --- the decision -------------------------------------------------------- */

struct ftpaccess_client {
    const char *user;
    const char *group; /* the first one; NULL: none */
    const char *const *groups;
    size_t group_count;
    const char *address;
    const char *host; /* reverse name, confirmed forward; NULL: none */
    const char *class_name;
    bool reverse_dns; /* UseReverseDNS */
};

/* Whether a word matches: 1 yes, 0 no, and -1 where ProFTPD says "no" and
 * gives up the whole line. */
int ftpaccess_acl_match(const struct ftpaccess_acl *acl,
                        const struct ftpaccess_client *client);

/* A directory with a .ftpaccess, on the way up. */
struct ftpaccess_level {
    const char *dir;
    const struct ftpaccess_file *file;
    /* What session.c remembers apart: forgotten sections, and the file that
     * rules outside of sections are of (NULL: file). */
    bool no_limits;
    const struct ftpaccess_file *outside;
};

enum ftpaccess_target {
    FTPACCESS_ON_NOTHING, /* the working directory is looked at */
    FTPACCESS_ON_DIR,     /* a directory that is there */
    FTPACCESS_ON_FILE,    /* something that is there */
    FTPACCESS_ON_NEW      /* something that need not be there */
};

struct ftpaccess_command {
    const char *name;  /* as in <Limit>: STOR, SITE_CHMOD */
    const char *group; /* READ, WRITE, DIRS or NULL */
    enum ftpaccess_target target;
    bool not_all; /* <Limit ALL> does not mean it */
};

/* By name, case ignored; NULL for one that ProFTPD does not check. */
const struct ftpaccess_command *ftpaccess_command(const char *name);
const struct ftpaccess_command *ftpaccess_commands(size_t *count);
/* Whether a word of a <Limit> line is a command, a group of commands or ALL. */
bool ftpaccess_limit_word(const char *word);

enum ftpaccess_why {
    FTPACCESS_BY_DEFAULT, /* no rule says anything: allowed */
    FTPACCESS_BY_RULE,    /* the rule allows or denies by itself */
    FTPACCESS_BY_ORDER    /* Order Deny,Allow and no rule matches: denied */
};

struct ftpaccess_verdict {
    bool allowed;
    enum ftpaccess_why why;
    char dir[FTPACCESS_PATH_ROOM]; /* of the deciding file; "" by default */
    const struct ftpaccess_limit *limit; /* NULL outside a section */
    const struct ftpaccess_rule *rule;   /* NULL BY_ORDER without Order line */
    const char *limit_word; /* the command, group or ALL that was found */
};

/* Decides about one command by its <Limit> sections and AllowAll or DenyAll
 * outside of them. AllowFilter and DenyFilter outside of sections,
 * AllowOverwrite and the like are other rules of ProFTPD's, not looked at.
 * chain has the files that apply, the deepest first. arg is the command's
 * argument (for AllowFilter and DenyFilter); exists says whether the target is
 * there. */
void ftpaccess_decide(const struct ftpaccess_level *chain, size_t count,
                      const struct ftpaccess_client *client,
                      const struct ftpaccess_command *command, const char *arg,
                      bool exists, struct ftpaccess_verdict *verdict);

/* --- findings ------------------------------------------------------------ */

enum ftpaccess_finding_kind {
    /* the text itself */
    FTPACCESS_BOM,
    FTPACCESS_UTF16,
    FTPACCESS_FULL_WIDTH,
    FTPACCESS_BRACES,
    FTPACCESS_BRACKETS, /* "<Limit ALL", "< Limit ALL>" */
    FTPACCESS_NO_END,
    FTPACCESS_STRAY_END,
    FTPACCESS_MISSPELT,
    FTPACCESS_UNKNOWN,
    FTPACCESS_REFUSED_HERE,
    FTPACCESS_NO_SECTION,
    FTPACCESS_ARGUMENTS,
    FTPACCESS_SKIPPED,
    /* addresses and names */
    FTPACCESS_PLACEHOLDER,
    FTPACCESS_BAD_ADDRESS,
    FTPACCESS_SHORT_ADDRESS,
    FTPACCESS_NETMASK,
    FTPACCESS_NO_MASK,
    FTPACCESS_ALL_LATE,
    FTPACCESS_NEGATION,
    FTPACCESS_BARE_DOMAIN,
    FTPACCESS_WHOLE_NAME,
    FTPACCESS_NAMES_OFF,
    /* what the rules come to */
    FTPACCESS_LIMIT_WORD,
    FTPACCESS_LIMIT_LOGIN,
    FTPACCESS_ALLOWS_ALL,
    FTPACCESS_DENIES_ALL,
    FTPACCESS_NOTHING,
    FTPACCESS_LOCKS_OUT,
    /* the file */
    FTPACCESS_MISNAMED,
    FTPACCESS_NOT_RENAMED,
    FTPACCESS_UNREADABLE,
    FTPACCESS_FINDING_KINDS
};

enum ftpaccess_severity { FTPACCESS_NOTE, FTPACCESS_WARNING, FTPACCESS_ERROR };

struct ftpaccess_finding {
    enum ftpaccess_finding_kind kind;
    enum ftpaccess_severity severity;
    struct ftpaccess_pos pos;
    const char *word;   /* what it is about; never NULL */
    const char *mended; /* the line as it should be; NULL: nobody can tell;
                         * "": it goes */
};

struct ftpaccess_report {
    const struct ftpaccess_finding *findings; /* by line */
    size_t count;
    const char *mended; /* the whole text, NUL-terminated; never NULL */
    size_t mended_len;
    bool changed;    /* mended differs from what was given */
    bool unreadable; /* its encoding keeps ProFTPD from reading it as meant */
};

/* Says what in a text is not what its author means, and mends what can be
 * mended without guessing. reverse_dns: whether the server looks names up.
 * NULL for want of memory. */
struct ftpaccess_report *ftpaccess_lint(const char *text, size_t len,
                                        bool reverse_dns);
void ftpaccess_report_free(struct ftpaccess_report *r);

/* Names that customers type for .ftpaccess: as the manual misprints it, and the
 * like. Never .ftpaccess itself. */
bool ftpaccess_misprint(const char *name);

/* --- a tree -------------------------------------------------------------- */

struct ftpaccess_source {
    const struct ftpaccess_file *file; /* NULL: there, cannot be read */
    int64_t mtime_s;
    uint64_t size_bytes;
};

enum ftpaccess_type { FTPACCESS_ABSENT, FTPACCESS_DIRECTORY, FTPACCESS_ENTRY };

/* A customer's tree. Paths are absolute in it, canonical: "/web". */
struct ftpaccess_tree {
    void *data;
    enum ftpaccess_type (*type)(void *data, const char *path);
    /* The .ftpaccess of a directory; false where there is none. Stays valid
     * as long as the tree. */
    bool (*source)(void *data, const char *dir, struct ftpaccess_source *s);
    /* The entries' names in the order of strcmp, without "." and "..", ended
     * by NULL; free each and the array. NULL where it cannot be read. */
    char **(*entries)(void *data, const char *dir);
};

/* Decides by all the files from the target's directory up to "/", as it is
 * meant: this is what mod_ftpaccess adds to ProFTPD's own decision. arg is what
 * the client wrote (for filters; NULL: path). instead, if given, stands for the
 * .ftpaccess in the directory instead_dir. Where memory is short it denies. */
void ftpaccess_judge(const struct ftpaccess_tree *tree,
                     const struct ftpaccess_client *client,
                     const struct ftpaccess_command *command, const char *path,
                     const char *arg, const char *instead_dir,
                     const struct ftpaccess_file *instead,
                     struct ftpaccess_verdict *verdict);

/* What a client has to be able to do after it has put a .ftpaccess into dir:
 * enter and list the directory, and take the file back (write, delete or
 * rename it). false: it is locked out; *command and *verdict say of what and
 * by which line. */
bool ftpaccess_survives(const struct ftpaccess_tree *tree,
                        const struct ftpaccess_client *client, const char *dir,
                        const struct ftpaccess_file *file,
                        const struct ftpaccess_command **command,
                        struct ftpaccess_verdict *verdict);

/* A tree on disk. Links in it lead nowhere out of it, unless the process is
 * shut into the tree already: then shut_in saves the way around. What source()
 * gives is valid until ftpaccess_disk_trim(), which frees what has changed
 * since, or ftpaccess_disk_close(). root_fd is the caller's to close
 * afterwards. NULL for want of memory. */
struct ftpaccess_disk;
struct ftpaccess_disk *ftpaccess_disk_open(int root_fd, bool shut_in);
const struct ftpaccess_tree *ftpaccess_disk_tree(struct ftpaccess_disk *d);
void ftpaccess_disk_trim(struct ftpaccess_disk *d);
void ftpaccess_disk_close(struct ftpaccess_disk *d);

/* --- a session of a ProFTPD without mod_ftpaccess ------------------------ */

/* Such a process reads a .ftpaccess when it comes by, remembers it, sometimes
 * forgets it, and looks at a directory's parents only now and then; so what it
 * decides depends on what the client has done before. */
struct ftpaccess_session;

/* The login into the directory login. NULL for want of memory. */
struct ftpaccess_session *
ftpaccess_session_new(const struct ftpaccess_tree *tree,
                      const struct ftpaccess_client *client, const char *login);
void ftpaccess_session_free(struct ftpaccess_session *s);

/* One command; path is absolute or relative to the working directory, NULL
 * for none. CWD and CDUP move on where they are allowed. false: the target is
 * not there, so ProFTPD answers with an error of its own. A listing counts as
 * allowed when the directory may be listed. */
bool ftpaccess_session_run(struct ftpaccess_session *s,
                           const struct ftpaccess_command *command,
                           const char *path, struct ftpaccess_verdict *v);

#endif
