/* The words for customers, in English and Japanese. */
#ifndef FTPACCESS_MESSAGE_H
#define FTPACCESS_MESSAGE_H

#include "ftpaccess.h"

enum ftpaccess_lang { FTPACCESS_EN, FTPACCESS_JA };

/* "allowed by line 3 of /web/.ftpaccess: Allow" and the like, in one line
 * without an end, cut to room. */
void ftpaccess_verdict_text(const struct ftpaccess_verdict *v,
                            enum ftpaccess_lang lang, char *out, size_t room);

/* What a finding is, and what ProFTPD does with it today: two sentences, one
 * line each, with the finding's word in them. */
void ftpaccess_finding_text(const struct ftpaccess_finding *f,
                            enum ftpaccess_lang lang, char *what,
                            size_t what_room, char *today, size_t today_room);

/* The finding's name in JSON: "bom", "full-width". */
const char *ftpaccess_finding_name(enum ftpaccess_finding_kind kind);

#endif
