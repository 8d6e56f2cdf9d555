/* The list of disabled scripts: damage never makes an entry of something that
 * is none, and what is written down is found again. */
#include "denied.h"
#include "err.h"
#include "fuzz.h"

#include <string.h>

static void check_entry(const struct omk_denied *list,
                        const struct omk_denied_entry *e)
{
    const struct omk_denied_entry *found;

    MUST(e->login[0] && !strpbrk(e->login, "\t\n/ "));
    MUST(e->path[0] == '/');
    MUST(!strpbrk(e->time, "\t\n"));
    MUST(e->why);
    found = omk_denied_find(list, e->login, e->path, NULL);
    MUST(found && strcmp(found->login, e->login) == 0);
    MUST(!omk_denied_find(list, "", e->path, &e->file));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct omk_denied list = {0};
    size_t lines = 1;

    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n';
    }
    MUST(omk_denied_parse(&list, (const char *)data, size, NULL) == OMK_OK);
    MUST(list.count + list.damaged <= lines);
    MUST((list.damaged == 0) == (list.damaged_line == 0));
    MUST(list.damaged_line <= lines);
    for (size_t i = 0; i < list.count && i < 64; i++) {
        check_entry(&list, &list.entries[i]);
    }
    omk_denied_free(&list);
    return 0;
}
