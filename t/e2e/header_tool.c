/* What the CGI wrapper's scan says of whole answers: a line for each file, its
 * last component and `complete`, or the code that its owner would read. */
#include "file.h"
#include "header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void judge(const char *path, const char *data, size_t len)
{
    static struct cgiw_facts facts;
    struct cgiw_header h;
    int code;

    cgiw_header_init(&h, false);
    (void)cgiw_header_scan(&h, data, len);
    code = cgiw_header_fault(&h, data, len, &facts);
    printf("%s ", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
    printf(code ? "E%02d\n" : "complete\n", code);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *data;
        size_t len;

        if (omk_file_read(argv[i], CGIW_HEADER_MAX, &data, &len, NULL) != 0) {
            perror(argv[i]);
            return 1;
        }
        judge(argv[i], data, len);
        free(data);
    }
    return 0;
}
