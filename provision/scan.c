#include "scan.h"

#include <string.h>

static enum omk_token quoted(struct omk_scan *s)
{
    char quote = *s->at++;

    for (; s->at < s->end; s->at++) {
        s->line += *s->at == '\n';
        if (*s->at == '\\' && s->at + 1 < s->end) {
            s->at++;
            s->line += *s->at == '\n';
        }
        else if (*s->at == quote) {
            s->at++;
            return OMK_T_STRING;
        }
    }
    return OMK_T_BAD;
}

static enum omk_token block_comment(struct omk_scan *s)
{
    for (s->at += 2; s->at + 1 < s->end; s->at++) {
        s->line += *s->at == '\n';
        if (s->at[0] == '*' && s->at[1] == '/') {
            s->at += 2;
            return OMK_T_COMMENT;
        }
    }
    s->at = s->end;
    return OMK_T_BAD;
}

static enum omk_token line_comment(struct omk_scan *s)
{
    while (s->at < s->end && *s->at != '\n') {
        s->at++;
    }
    return OMK_T_COMMENT;
}

static enum omk_token word(struct omk_scan *s)
{
    while (s->at < s->end && !strchr(" \t\r\n\"'{}()=,+#", *s->at)) {
        s->at += *s->at == '\\' && s->at + 1 < s->end ? 2 : 1;
    }
    return OMK_T_WORD;
}

static enum omk_token token(struct omk_scan *s)
{
    char c = *s->at;
    char next = s->at + 1 < s->end ? s->at[1] : '\0';

    if (c == '\n') {
        s->at++;
        s->line++;
        return OMK_T_NEWLINE;
    }
    if (c == '#' || (c == '/' && next == '/')) {
        return line_comment(s);
    }
    if (c == '/' && next == '*') {
        return block_comment(s);
    }
    if (c == '"' || c == '\'') {
        return quoted(s);
    }
    if (c != '\0' && strchr("{}()=,+", c)) {
        s->at += c == '+' && next == '=' ? 2 : 1;
        return OMK_T_MARK;
    }
    return c == '\0' ? OMK_T_BAD : word(s);
}

enum omk_token omk_scan_next(struct omk_scan *s, const char **from, size_t *len)
{
    enum omk_token t;

    while (s->at < s->end && strchr(" \t\r", *s->at) && *s->at) {
        s->at++;
    }
    *from = s->at;
    *len = 0;
    if (s->at >= s->end) {
        return OMK_T_END;
    }
    t = token(s);
    *len = (size_t)(s->at - *from);
    if (t == OMK_T_BAD) {
        s->at = s->end;
    }
    return t;
}
