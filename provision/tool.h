/* Runs a program of the system's: useradd and its like. */
#ifndef OMK_TOOL_H
#define OMK_TOOL_H

struct omk_err;

/* Runs argv[0], an absolute path, with argv (NULL at the end) and waits for
 * its end: no shell, nothing of our environment, no terminal, signals as they
 * are by default. What it prints is kept for the error.
 * OMK_ENOENT: there is no such program. OMK_EDENIED: it ended with another
 * status than 0; the text is the first line that it printed. OMK_EIO,
 * OMK_ENOMEM. */
int omk_tool_run(const char *const argv[], struct omk_err *err);

#endif
