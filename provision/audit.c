#include "audit.h"

#include "file.h"
#include "node.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void omk_audit(const struct omk_node *n, const char *id, const char *format,
               ...)
{
    char path[4096], stamp[64], text[1024], line[1200];
    time_t now = time(NULL);
    struct tm tm;
    va_list ap;
    int fd;

    (void)snprintf(path, sizeof path, "%s/audit.log", n->state_dir);
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
              0600);
    if (fd < 0) {
        return;
    }
    (void)gmtime_r(&now, &tm);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
    va_start(ap, format);
    (void)vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    for (char *c = text; *c; c++) {
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    }
    (void)snprintf(line, sizeof line, "%s %s uid=%ld %s\n", stamp, id,
                   (long)getuid(), text);
    (void)omk_write_all(fd, line, strlen(line));
    close(fd);
}
