/* What import reads: a data file, or an export. What is understood is in range,
 * and an export that was read can be written and read again. */
#include "admin_datafile.h"
#include "admin_json.h"
#include "err.h"
#include "fuzz.h"

#include <string.h>

static void check_text(const struct omk_err *err)
{
    MUST(err->text[0]);
    for (const char *p = err->text; *p; p++) {
        MUST(*p >= ' ' && *p < 0x7f);
    }
}

static void check_datafile(const uint8_t *data, size_t size)
{
    struct counter_datafile file;
    struct omk_err err = {0};
    int rc = counter_datafile_parse(data, size, &file, &err);

    if (rc) {
        MUST(rc == OMK_EINVAL || rc == OMK_ERANGE);
        check_text(&err);
        return;
    }
    MUST(file.count <= COUNTER_VALUE_MAX);
    MUST(memchr(file.address, '\0', sizeof file.address));
    MUST(size >= 1 && data[0] >= '0' && data[0] <= '9');
    for (const char *p = file.address; *p; p++) {
        MUST(*p >= ' ' && *p < 0x7f);
    }
}

static void check_round(const struct counter_json_head *head,
                        const struct counter_entries *all)
{
    struct counter_entries again = {0};
    struct counter_json_head head_again;
    struct omk_err err;
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    MUST(f && counter_json_write(f, head, all) == OMK_OK && fclose(f) == 0);
    MUST(counter_json_read(text, len, &head_again, &again, &err) == OMK_OK);
    MUST(head_again.key_id == head->key_id
         && head_again.visitors == head->visitors);
    MUST(again.count == all->count);
    for (size_t i = 0; i < all->count; i++) {
        MUST(strcmp(again.list[i].name, all->list[i].name) == 0);
        MUST(memcmp(&again.list[i].value, &all->list[i].value,
                    sizeof again.list[i].value)
             == 0);
    }
    counter_entries_free(&again);
    free(text);
}

static void check_export(const uint8_t *data, size_t size)
{
    struct counter_entries all = {0};
    struct counter_json_head head;
    struct omk_err err = {0};
    int rc = counter_json_read((const char *)data, size, &head, &all, &err);

    if (rc) {
        MUST(rc == OMK_EINVAL || rc == OMK_ERANGE || rc == OMK_EVERSION);
        MUST(all.count == 0);
        check_text(&err);
    }
    else {
        for (size_t i = 0; i < all.count; i++) {
            MUST(counter_entry_is_name(all.list[i].name));
            MUST(all.list[i].value.count <= COUNTER_VALUE_MAX);
        }
        check_round(&head, &all);
    }
    counter_entries_free(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_datafile(data, size);
    check_export(data, size);
    return 0;
}
