/* sheet. */
#include "cmd.h"

#include "customer.h"
#include "ftp_users.h"
#include "node.h"
#include "sheet.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEFAULT_LANG "ja"

/* The local day: the sheet is for people. */
static const char *today(char out[11])
{
    time_t now = time(NULL);
    struct tm tm;

    return localtime_r(&now, &tm) && strftime(out, 11, "%Y-%m-%d", &tm) ? out
                                                                        : NULL;
}

static int format(const struct omk_cmd *c, bool *html)
{
    const char *f = c->format ? c->format : "text";

    *html = !strcmp(f, "html");
    if (!*html && strcmp(f, "text") != 0) {
        (void)fprintf(stderr, "omakase: --format is text or html\n");
        return OMK_EX_USAGE;
    }
    return OMK_EX_OK;
}

int omk_cmd_make_sheet(struct omk_cmd *c, const struct omk_customer *customer,
                       const char *password, const char **out)
{
    char day[11];
    struct omk_sheet_options o = {.lang = c->lang ? c->lang : DEFAULT_LANG,
                                  .mailbox = password ? NULL : c->mailbox,
                                  .password = password,
                                  .date = today(day),
                                  .address = omk_sheet_address(c->p, c->node),
                                  .ftp = omk_ftp_port(c->node)};
    struct omk_err err = {0};
    int code = format(c, &o.html);

    if (code) {
        return code;
    }
    return omk_sheet_make(c->p, c->node, customer, &o, out, &err)
               ? omk_cmd_error(&err)
               : OMK_EX_OK;
}

int omk_cmd_put_sheet(const char *sheet)
{
    (void)fputs(sheet, stdout);
    return ferror(stdout) || fflush(stdout) ? OMK_EX_IOERR : OMK_EX_OK;
}

static int sheet(struct omk_cmd *c)
{
    const struct omk_customer *customer;
    struct omk_err err = {0};
    const char *out = "";
    int code;

    if (omk_cmd_customer(c, &customer, &err)) {
        return omk_cmd_error(&err);
    }
    code = omk_cmd_make_sheet(c, customer, NULL, &out);
    if (code) {
        return code;
    }
    if (c->json) {
        omk_cmd_json(json_pack("{s:s, s:s, s:s}", "login", c->argv[0], "lang",
                               c->lang ? c->lang : DEFAULT_LANG, "sheet", out));
        return OMK_EX_OK;
    }
    return omk_cmd_put_sheet(out);
}

const struct omk_command omk_commands_sheet[] = {
    {"sheet", "LOGIN", "the settings sheet of a customer",
     "  --lang ja|en         its language; others by a file of texts\n"
     "  --format text|html   html is one page, to print on A4\n"
     "  --mailbox NAME       that mailbox's sheet alone\n"
     "A password is on it only when customer add or passwd has just made it.\n"
     "Its words: etc/omakase/sheet/LANG.texts.\n",
     1, 1, sheet},
    {0},
};
