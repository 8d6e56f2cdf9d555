/* The daemon's configuration: what is read gives nobody more than a
 * customer's rights; what is not says why, for an operator's terminal. */
#include "err.h"
#include "fuzz.h"
#include "sites.h"
#include "wire.h"

#include <string.h>

static void check_words(const struct cgiw_word *word, int with_to)
{
    for (; word; word = word->next) {
        MUST(*word->from && !word->to == !with_to);
    }
}

static void check_site(const struct cgiw_config *c, const struct cgiw_site *s,
                       uid_t own_uid)
{
    MUST(s->uid != (uid_t)-1 && s->gid != (gid_t)-1);
    MUST(own_uid ? s->uid == own_uid
                 : s->uid >= CGIW_ID_MIN && s->gid >= CGIW_ID_MIN);
    MUST(own_uid || s->uid != c->httpd_uid);
    MUST(s->user < c->user_count);
    MUST(cgiw_path_is_normal(s->root, strlen(s->root)));
    MUST(cgiw_path_is_normal(s->home, strlen(s->home)));
    MUST(s->umask <= 0777 && *s->login && *s->username && *s->path);
    MUST(s->shown[0] == '/');
    MUST(cgiw_site_beneath(s, s->root, strlen(s->root)) != NULL);
    check_words(s->interpreters, 1);
    check_words(s->passenv, 0);
    (void)cgiw_site_interpreter(c, s, "/usr/bin/php");
    (void)cgiw_site_passenv(c, s, "TZ", 2);
}

static void parse(const uint8_t *data, size_t size, uid_t own_uid)
{
    struct cgiw_config *c = NULL;
    struct omk_err err = {0};
    int rc = cgiw_config_parse(data, size, own_uid, &c, &err);

    if (rc) {
        MUST(!c && err.code == rc && err.text[0]);
        for (const char *s = err.text; *s; s++) {
            MUST((unsigned char)*s >= ' ' && *s != 0x7f);
        }
        return;
    }
    for (uint32_t i = 0; i < c->site_count; i++) {
        check_site(c, cgiw_config_site(c, i), own_uid);
    }
    MUST(!cgiw_config_site(c, c->site_count));
    check_words(c->interpreters, 1);
    check_words(c->passenv, 0);
    cgiw_config_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size, 0);
    parse(data, size, 1000);
    return 0;
}
