/* The commands that ProFTPD checks, with their groups. */
#include "ftpaccess.h"

#include <string.h>
#include <strings.h>

#define NOTHING FTPACCESS_ON_NOTHING
#define DIR FTPACCESS_ON_DIR
#define THERE FTPACCESS_ON_FILE
#define NEW FTPACCESS_ON_NEW

static const struct ftpaccess_command commands[] = {
    {"APPE", "WRITE", NEW, false},
    {"CDUP", "DIRS", DIR, false},
    {"CWD", "DIRS", DIR, false},
    {"DELE", "WRITE", NEW, false},
    {"EPRT", NULL, NOTHING, true},
    {"EPSV", NULL, NOTHING, true},
    {"LIST", "DIRS", DIR, false},
    {"MDTM", "DIRS", THERE, false},
    {"MFF", "WRITE", THERE, false},
    {"MFMT", "WRITE", THERE, false},
    {"MKD", "WRITE", NEW, false},
    {"MLSD", "DIRS", DIR, false},
    {"MLST", "DIRS", THERE, false},
    {"NLST", "DIRS", DIR, false},
    {"NOOP", NULL, NOTHING, false},
    {"OPTS", NULL, NOTHING, true},
    {"PASV", NULL, NOTHING, true},
    {"PORT", NULL, NOTHING, true},
    {"PWD", "DIRS", NOTHING, false},
    {"RANG", NULL, NOTHING, false},
    {"RETR", "READ", NEW, false},
    {"RMD", "WRITE", NEW, false},
    {"RNFR", "WRITE", NEW, false},
    {"RNTO", "WRITE", NEW, false},
    {"SITE_CHGRP", "WRITE", THERE, false},
    {"SITE_CHMOD", "WRITE", THERE, false},
    {"SITE_CPFR", "READ", THERE, false},
    {"SITE_CPTO", "WRITE", NEW, false},
    {"SIZE", "READ", THERE, false},
    {"STAT", "DIRS", DIR, false},
    {"STOR", "WRITE", NEW, false},
    {"STOU", "WRITE", NEW, false},
    {"XCUP", "DIRS", DIR, false},
    {"XCWD", "DIRS", DIR, false},
    {"XMKD", "WRITE", NEW, false},
    {"XPWD", "DIRS", NOTHING, false},
    {"XRMD", "WRITE", NEW, false},
};

const struct ftpaccess_command *ftpaccess_commands(size_t *count)
{
    *count = sizeof commands / sizeof *commands;
    return commands;
}

const struct ftpaccess_command *ftpaccess_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcasecmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

bool ftpaccess_limit_word(const char *word)
{
    static const char *const more[] = {"ALL", "READ", "WRITE", "DIRS", "LOGIN"};

    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (strcasecmp(word, more[i]) == 0) {
            return true;
        }
    }
    return ftpaccess_command(word) != NULL;
}
