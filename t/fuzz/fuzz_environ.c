/* The block of variables from httpd: nothing gets through that the list does
 * not name, and nothing of ours is replaced. */
#include "environ.h"
#include "fuzz.h"

#include <string.h>

static const struct cgiw_word pass[] = {{"FOO", NULL, &pass[1]},
                                        {"PATH", NULL, NULL}};

static size_t name_length(const char *variable)
{
    const char *equals = strchr(variable, '=');

    MUST(equals);
    return (size_t)(equals - variable) + 1;
}

static void check_variable(char **envp, size_t i, const char *data, size_t size)
{
    static const char *const bad[] = {"LD_",   "PERL5", "PYTHON",
                                      "BASH_", "IFS=",  "HTTP_PROXY="};
    const char *v = envp[i];
    size_t len = name_length(v);

    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        MUST(strncmp(v, bad[n], strlen(bad[n])) != 0);
    }
    MUST(strspn(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                   "0123456789_")
         == len - 1);
    for (size_t n = 0; n < i; n++) {
        MUST(strncmp(envp[n], v, len) != 0);
    }
    /* ours, or as it came */
    MUST(i < 4 || memmem(data, size, v, strlen(v) + 1)
         || strcmp(v, "PATH=/bin") == 0 || strcmp(v, "LANG=C.UTF-8") == 0
         || strcmp(v, "REDIRECT_STATUS=200") == 0
         || strcmp(v, "PERL_USE_UNSAFE_INC=1") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cgiw_facts f;
    static char own[CGIW_ENVIRON_OWN_MAX];
    static char *envp[64];
    const struct cgiw_environ_rules rules = {.passenv = pass,
                                             .home = "/home/a",
                                             .user = "a",
                                             .path = "/bin",
                                             .lang = "C.UTF-8",
                                             .unsafe_inc = true,
                                             .script_filename = "/srv/a.cgi"};
    char *block = malloc(size ? size : 1);
    size_t count = 0;
    int rc;

    MUST(block);
    if (size) {
        memcpy(block, data, size);
    }
    memset(&f, 0, sizeof f);
    rc = cgiw_environ_build(block, size, &rules, own, sizeof own, envp, 64,
                            &count, &f);
    MUST(rc == 0 || rc == CGIW_E25);
    if (rc == 0) {
        MUST(count >= 8 && count < 64 && !envp[count]);
        MUST(strcmp(envp[0], "HOME=/home/a") == 0);
        MUST(strcmp(envp[1], "USER=a") == 0);
        MUST(strcmp(envp[2], "LOGNAME=a") == 0);
        MUST(strcmp(envp[3], "SCRIPT_FILENAME=/srv/a.cgi") == 0);
        for (size_t i = 0; i < count; i++) {
            check_variable(envp, i, (const char *)data, size);
        }
    }
    free(block);
    return 0;
}
