/* One table of sentences; {words} in them are filled from the facts. */
#include "diagnose.h"

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PATH_SHOWN 280 /* bytes: three of them leave room for words */
#define LINE_SHOWN 200

struct text {
    char *out;
    size_t size, len;
};

/* --- characters ----------------------------------------------------------- */

/* Bytes of the UTF-8 character at s that may be shown; 0 for a control
 * character, or what is not UTF-8 (RFC 3629: no surrogates, no long forms). */
static size_t printable(const unsigned char *s, size_t len)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xc2 ? 0
               : s[0] < 0xe0 ? 2
               : s[0] < 0xf0 ? 3
               : s[0] < 0xf5 ? 4
                             : 0;
    unsigned c;

    if (n == 1) {
        return s[0] >= ' ' && s[0] != 0x7f;
    }
    if (n == 0 || n > len) {
        return 0;
    }
    c = s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)
        || c <= 0x9f) {
        return 0;
    }
    return n;
}

/* One character of s as it may be shown: its bytes into piece, their number
 * into *made; returns how many of s it took. */
static size_t escape(const unsigned char *s, size_t len, char piece[5],
                     size_t *made)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = s[0] == '\\' ? 0 : printable(s, len);

    if (n) {
        memcpy(piece, s, n);
        *made = n;
        return n;
    }
    *made = 2;
    piece[0] = '\\';
    switch (s[0]) {
    case '\\':
        piece[1] = '\\';
        break;
    case '\n':
        piece[1] = 'n';
        break;
    case '\t':
        piece[1] = 't';
        break;
    case '\r':
        piece[1] = 'r';
        break;
    default:
        piece[1] = 'x';
        piece[2] = hex[s[0] >> 4];
        piece[3] = hex[s[0] & 15];
        *made = 4;
    }
    return 1;
}

size_t cgiw_quote(const char *s, size_t len, char *out, size_t size)
{
    size_t n = 0, room = 0; /* room: how much fits with dots behind it */

    for (size_t i = 0; i < len;) {
        char piece[5];
        size_t made;

        i += escape((const unsigned char *)s + i, len - i, piece, &made);
        if (n + made + 1 > size) {
            memcpy(out + room, "...", 4);
            return room + 3;
        }
        memcpy(out + n, piece, made);
        n += made;
        if (n + 4 <= size) {
            room = n;
        }
    }
    out[n] = '\0';
    return n;
}

/* --- pieces of a text ----------------------------------------------------- */

/* Our own words are ASCII: they can be cut anywhere. */
static void put(struct text *t, const char *s, size_t len)
{
    size_t n = t->size - 1 - t->len;

    n = n < len ? n : len;
    memcpy(t->out + t->len, s, n);
    t->len += n;
}

static void __attribute__((format(printf, 2, 3)))
print(struct text *t, const char *format, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    put(t, line, strlen(line));
}

/* Somebody else's: nothing of it is better than half a character. */
static void put_quoted(struct text *t, const char *s, size_t most)
{
    char shown[PATH_SHOWN + 1];
    size_t len = cgiw_quote(s, strlen(s), shown,
                            most < sizeof shown ? most : sizeof shown);

    if (len < t->size - t->len) {
        put(t, shown, len);
    }
    else {
        t->size = t->len + 1;
    }
}

static void put_mode(struct text *t, uint32_t mode)
{
    print(t, "%04o", (unsigned)(mode & 07777));
}

static void put_who(struct text *t, uint32_t mode)
{
    static const char *const who[] = {"nobody", "others", "group",
                                      "group and others"};

    print(t, "%s", who[(mode & S_IWGRP ? 2 : 0) + (mode & S_IWOTH ? 1 : 0)]);
}

/* What a script must not be, by its mode. */
static void put_how(struct text *t, uint32_t mode)
{
    if (mode & (S_IWGRP | S_IWOTH)) {
        print(t, "writable by ");
        put_who(t, mode);
        return;
    }
    print(t, "%s", mode & S_ISUID ? "set-user-id" : "set-group-id");
}

static void put_kind(struct text *t, uint32_t mode)
{
    print(t, "%s",
          S_ISFIFO(mode)   ? "a fifo"
          : S_ISSOCK(mode) ? "a socket"
                           : "a device");
}

static void put_owner(struct text *t, uint32_t uid)
{
    if (uid == 0) {
        print(t, "root");
        return;
    }
    print(t, "uid %u", (unsigned)uid);
}

static void put_user(struct text *t, const struct cgiw_facts *f)
{
    if (f->user[0]) {
        put_quoted(t, f->user, sizeof f->user);
        print(t, " (uid %u)", (unsigned)f->uid);
        return;
    }
    print(t, "uid %u", (unsigned)f->uid);
}

/* Rounded up: a limit of 1 byte is not 0 MB. */
static void put_mb(struct text *t, uint64_t bytes)
{
    print(t, "%llu MB",
          (unsigned long long)(bytes / 1048576 + (bytes % 1048576 != 0)));
}

static void put_first_line(struct text *t, const struct cgiw_facts *f)
{
    print(t, "write ");
    if (!f->nearest[0]) {
        print(t, "an interpreter that is there, such as #!/usr/bin/perl,");
    }
    else {
        print(t, "#!");
        put_quoted(t, f->nearest, LINE_SHOWN);
    }
    print(t, " as the first line");
}

static void put_signal(struct text *t, int number)
{
    const char *name = sigabbrev_np(number);

    print(t, "killed by signal %d", number);
    if (name) {
        print(t, " (SIG%s)", name);
    }
}

static void put_ended(struct text *t, const struct cgiw_facts *f)
{
    if (WIFSIGNALED(f->wait_status)) {
        put_signal(t, WTERMSIG(f->wait_status));
    }
    else {
        print(t, "exit code %d", WEXITSTATUS(f->wait_status));
    }
    print(t, ", CPU %u.%02u s", (unsigned)(f->cpu_ms / 1000),
          (unsigned)(f->cpu_ms % 1000 / 10));
    if (f->memory_bytes) {
        print(t, ", memory ");
        put_mb(t, f->memory_bytes);
    }
    if (f->last_line[0] && f->detail != CGIW_NO_INC) {
        print(t, ", its last error line: \"");
        put_quoted(t, f->last_line, LINE_SHOWN);
        print(t, "\"");
    }
}

static void put_mend_ended(struct text *t, const struct cgiw_facts *f)
{
    if (f->last_line[0]) {
        print(t, "mend what that line says");
        return;
    }
    if (WIFSIGNALED(f->wait_status)) {
        print(t, "look for what ended it; nobody stopped it for a limit");
        return;
    }
    print(t, "print \"Content-Type: text/html\" and an empty line first");
}

/* `.` left @INC in Perl 5.26: a module needs the directory, a file its path. */
static void put_mend_inc(struct text *t, const struct cgiw_facts *f)
{
    size_t len = strlen(f->what);

    if (len > 3 && strcmp(f->what + len - 3, ".pm") == 0) {
        print(t, "write use lib '.'; above the line that needs it");
        return;
    }
    print(t, "write require './");
    put_quoted(t, f->what, LINE_SHOWN);
    print(t, "';");
}

/* Where it is known. */
static void put_used(struct text *t, const struct cgiw_facts *f)
{
    if (f->used) {
        print(t, ", it had %llu", (unsigned long long)f->used);
    }
}

static void put_used_mb(struct text *t, const struct cgiw_facts *f)
{
    if (f->used) {
        print(t, ", it had ");
        put_mb(t, f->used);
    }
}

static void put_sizes(struct text *t, const struct cgiw_facts *f)
{
    if (f->used) {
        print(t, " (%llu bytes, at most %llu)", (unsigned long long)f->used,
              (unsigned long long)f->limit);
    }
}

static void put_why(struct text *t, const struct cgiw_facts *f)
{
    if (f->what[0]) {
        print(t, ": ");
        put_quoted(t, f->what, sizeof f->what);
    }
}

/* --- the sentences -------------------------------------------------------- */

struct sentence {
    enum cgiw_code code;
    enum cgiw_detail detail;
    const char *text;
};

#define LF "upload it in ASCII mode, or save it with LF line ends"
#define NO_BOM "save it as UTF-8 without BOM"
#define HEADER                                                                 \
    "print \"Content-Type: text/html\" and an empty line before all else"

/* A code's sentence without a detail stands first. */
static const struct sentence sentences[] = {
    {CGIW_E01, CGIW_PLAIN,
     "the script is not executable ({mode}). Fix: chmod 755 {where}"},
    {CGIW_E02, CGIW_PLAIN,
     "the script belongs to {owner}, but this site runs as {user}. Fix: delete "
     "it and upload it again yourself"},
    {CGIW_E03, CGIW_PLAIN,
     "directory {where} is writable by {who} ({mode}). Fix: chmod 755 {where}"},
    {CGIW_E03, CGIW_OWNER,
     "directory {where} belongs to {owner}, but this site runs as {user}. Fix: "
     "move the script to a directory that you have made yourself"},
    {CGIW_E04, CGIW_PLAIN,
     "line ends are CRLF (Windows) where {what} needs LF. Fix: " LF},
    {CGIW_E04, CGIW_WARNING,
     "warning: line ends are CRLF (Windows); it was run without the CR in its "
     "first line. Fix: " LF},
    {CGIW_E05, CGIW_PLAIN,
     "line ends are CR (old Mac), so that it is all one line. Fix: " LF},
    {CGIW_E06, CGIW_PLAIN,
     "the interpreter {what} is not there. Fix: {first-line}"},
    {CGIW_E06, CGIW_NONE_NAMED,
     "the first line has #! and names no interpreter. Fix: {first-line}"},
    {CGIW_E06, CGIW_RELATIVE,
     "the interpreter {what} is not named by its whole path. Fix: "
     "{first-line}"},
    {CGIW_E06, CGIW_NO_PROGRAM,
     "the interpreter {what} is there and is no program that can be run. Fix: "
     "{first-line}"},
    {CGIW_E06, CGIW_NO_LOADER,
     "the interpreter {what} is there and what it needs to start is not. Fix: "
     "{first-line}"},
    {CGIW_E06, CGIW_TOO_LONG,
     "the first line has more than {limit} bytes. Fix: make it shorter"},
    {CGIW_E07, CGIW_PLAIN,
     "a byte order mark (BOM) stands before the first line. Fix: " NO_BOM},
    {CGIW_E07, CGIW_WARNING,
     "warning: a byte order mark (BOM) stands before the first line; it was "
     "run all the same. Fix: " NO_BOM},
    {CGIW_E07, CGIW_UTF16, "the file is UTF-16. Fix: " NO_BOM},
    {CGIW_E08, CGIW_PLAIN,
     "the first line does not say what runs it. Fix: write #!/usr/bin/perl, or "
     "what it is written for, as the first line"},
    {CGIW_E08, CGIW_LATER,
     "#! stands in line {limit} and not at the very beginning. Fix: delete "
     "what stands before it"},
    {CGIW_E08, CGIW_FOREIGN,
     "this program is not made for this server, or is damaged. Fix: upload it "
     "in binary mode, or build it for this server's Linux"},
    {CGIW_E09, CGIW_PLAIN,
     "the file is empty. Fix: upload it again; when it stays empty, see "
     "whether your disk space is used up"},
    {CGIW_E10, CGIW_PLAIN,
     "\"{what}\" makes env look for one program of that whole name. Fix: "
     "{first-line}"},
    {CGIW_E11, CGIW_PLAIN,
     "output before the header; it begins with \"{what}\". Fix: " HEADER},
    {CGIW_E11, CGIW_TOO_LONG,
     "more than {limit} bytes of header, or of one line of it; it begins with "
     "\"{what}\". Fix: " HEADER},
    {CGIW_E11, CGIW_STATUS,
     "the header has \"{what}\", which is no status. Fix: print a number from "
     "100 to 999, such as \"Status: 404 Not Found\""},
    {CGIW_E12, CGIW_PLAIN,
     "ended without a header: {ended}. Fix: {mend-ended}"},
    {CGIW_E12, CGIW_NO_INC,
     "ended without a header: {ended}; Perl found no {what}, as it looks "
     "beside the script no more (since 5.26). Fix: {mend-inc}"},
    {CGIW_E13, CGIW_PLAIN,
     "the script is not readable ({mode}). Fix: chmod 755 {where}"},
    {CGIW_E13, CGIW_DIRECTORY,
     "directory {where} cannot be entered ({mode}). Fix: chmod 755 {where}"},
    {CGIW_E14, CGIW_PLAIN,
     "killed after {limit} s. Fix: look for what never ends, or waits for "
     "somebody"},
    {CGIW_E15, CGIW_PLAIN,
     "killed for its CPU time: the limit is {limit} s{used}. Fix: look for a "
     "loop that does not end, or do less at once"},
    {CGIW_E16, CGIW_PLAIN,
     "out of memory: the limit is {limit-mb}{used-mb}. Fix: read large files "
     "line by line"},
    {CGIW_E17, CGIW_PLAIN,
     "too many processes: the limit is {limit}{used}. Fix: start fewer at "
     "once, and wait for them"},
    {CGIW_E18, CGIW_PLAIN,
     "too many scripts at once: the limit is {limit}{used}. Fix: see which of "
     "yours take long"},
    {CGIW_E19, CGIW_PLAIN,
     "the script is {how} ({mode}). Fix: chmod 755 {where}"},
    {CGIW_E20, CGIW_PLAIN,
     "it is outside this site's directory. Fix: put the file itself into the "
     "site"},
    {CGIW_E20, CGIW_OUTSIDE,
     "{where} leads out of this site's directory. Fix: put the file itself "
     "into the site"},
    {CGIW_E20, CGIW_LINK,
     "{where} is a symbolic link. Fix: put the file itself there"},
    {CGIW_E20, CGIW_LINK_OWNER,
     "{where} is a symbolic link that belongs to {owner}, but this site runs "
     "as {user}. Fix: put the file itself there"},
    {CGIW_E20, CGIW_LINK_LOOP,
     "{where} is one symbolic link too many. Fix: put the file itself there"},
    {CGIW_E20, CGIW_SPECIAL,
     "{where} is {kind} and not a file. Fix: put the file itself there"},
    {CGIW_E20, CGIW_DIRECTORY,
     "{where} is a directory and not a file. Fix: put the file itself there"},
    {CGIW_E20, CGIW_TOO_LONG,
     "its path, or a name in it, is too long (more than {limit} bytes). Fix: "
     "use shorter names"},
    {CGIW_E21, CGIW_PLAIN,
     "killed in the middle of its answer: more output than {limit-mb}. Fix: "
     "look for a loop that does not end, or put large files up as files"},
    {CGIW_E21, CGIW_TIME,
     "killed in the middle of its answer, after {limit} s. Fix: look for what "
     "never ends, or waits for somebody"},
    {CGIW_E21, CGIW_CPU,
     "killed in the middle of its answer for its CPU time: the limit is "
     "{limit} s{used}. Fix: look for a loop that does not end, or do less at "
     "once"},
    {CGIW_E21, CGIW_MEMORY,
     "killed in the middle of its answer, out of memory: the limit is "
     "{limit-mb}{used-mb}. Fix: read large files line by line"},
    {CGIW_E21, CGIW_PROCESSES,
     "killed in the middle of its answer, too many processes: the limit is "
     "{limit}{used}. Fix: start fewer at once, and wait for them"},
    {CGIW_E22, CGIW_PLAIN,
     "the server cannot start scripts now{why}. Fix: try again in a minute; "
     "tell the operator if it stays so"},
    {CGIW_E22, CGIW_BUSY,
     "the program is being written right now. Fix: try again when its upload "
     "is done"},
    {CGIW_E23, CGIW_PLAIN,
     "disabled by the server's operator{why}. Fix: mend the script, then ask "
     "the operator to let it run again"},
    {CGIW_E24, CGIW_PLAIN,
     "scripts are switched off in this directory. Fix: write Options +ExecCGI "
     "into its .htaccess, or move the script"},
    {CGIW_E25, CGIW_PLAIN,
     "the request is too large for a script{sizes}. Fix: set fewer and smaller "
     "cookies"},
    {CGIW_E25, CGIW_ENV_VALUE,
     "the request is too large for a script, by its {what}{sizes}. Fix: set "
     "fewer and smaller cookies, send long forms by POST"},
    {CGIW_E25, CGIW_ENV_COUNT,
     "the request has too many headers for a script: at most {limit} "
     "variables{used}. Fix: send fewer headers"},
    {CGIW_E25, CGIW_ENV_BROKEN,
     "the request came to the wrapper in a wrong form. Fix: tell the operator"},
    {CGIW_E26, CGIW_PLAIN, "the script is not there. Fix: upload it"},
};

static const struct {
    int status;
    const char *en, *ja;
} codes[CGIW_CODES] = {
    [CGIW_E01] = {403, "The script is not executable. Set its mode to 755.",
                  "スクリプトに実行権がありません。属性(パーミッション)を 755 "
                  "に変更してください。"},
    [CGIW_E02] =
        {403,
         "The script belongs to somebody else. Delete it and upload it again "
         "yourself.",
         "スクリプトの所有者が、お客様ではありません。いったん削除し、"
         "お客様の FTP アカウントでアップロードし直してください。"},
    [CGIW_E03] = {403,
                  "A directory on the way to the script can be written by "
                  "others. Set its mode to 755.",
                  "スクリプトまでのディレクトリに、ほかの利用者が書き込める設定"
                  "のものがあります。そのディレクトリの属性を 755 "
                  "に変更してください。"},
    [CGIW_E04] =
        {500,
         "The line ends are those of Windows (CRLF). Upload the script in "
         "ASCII mode, or save it with LF.",
         "改行コードが Windows のもの(CRLF)です。FTP "
         "のアスキーモードでアップロードし直すか、改行コードを LF "
         "にして保存してください。"},
    [CGIW_E05] = {500,
                  "The line ends are those of old Macs (CR). Upload the script "
                  "in ASCII mode, or save it with LF.",
                  "改行コードが古い Mac のもの(CR)です。FTP "
                  "のアスキーモードでアップロードし直すか、改行コードを LF "
                  "にして保存してください。"},
    [CGIW_E06] = {500,
                  "The program that the first line (#!) names cannot be run. "
                  "Write the right path.",
                  "1 行目(#!)に書かれたプログラムを起動できません。"
                  "正しいパスに書き換えてください。"},
    [CGIW_E07] = {500,
                  "There is a byte order mark (BOM) at the beginning. Save the "
                  "script as UTF-8 without BOM.",
                  "ファイルの先頭に BOM が付いています。「UTF-8(BOM "
                  "なし)」で保存してください。"},
    [CGIW_E08] = {500,
                  "The first line does not say what runs the script. Write "
                  "#!/usr/bin/perl, for example.",
                  "1 行目に、何で動かすかが書かれていません。#!/usr/bin/perl "
                  "のように書いてください。"},
    [CGIW_E09] = {500, "The file is empty. Upload it again.",
                  "ファイルの中身がありません(0 バイト)。"
                  "アップロードし直してください。"},
    [CGIW_E10] = {500,
                  "#!/usr/bin/env takes one name and no options. Write "
                  "#!/usr/bin/perl -w, for example.",
                  "#!/usr/bin/env には、プログラム名を 1 "
                  "つだけ書けます。#!/usr/bin/perl -w "
                  "のように書き換えてください。"},
    [CGIW_E11] = {500,
                  "The script printed something before the header. Print "
                  "\"Content-Type: text/html\" and an empty line first.",
                  "ヘッダより先に、別の文字が出力されました。最初に「Content-"
                  "Type: text/html」と空行を出力してください。"},
    [CGIW_E12] = {500,
                  "The script ended before it printed a header. The error log "
                  "says why.",
                  "ヘッダを出力しないうちに、スクリプトが終了しました。"
                  "理由はエラーログをご覧ください。"},
    [CGIW_E13] =
        {403,
         "The script, or a directory on the way, cannot be read. Set the mode "
         "to 755.",
         "スクリプト、または途中のディレクトリを読み出せません。属性を "
         "755 に変更してください。"},
    [CGIW_E14] = {504, "The script did not end in time and was stopped.",
                  "決められた時間内に終わらなかったため、スクリプトを停止しまし"
                  "た。終わらない処理がないか、ご確認ください。"},
    [CGIW_E15] = {500, "The script used too much CPU time and was stopped.",
                  "CPU 時間の上限に達したため、スクリプトを停止しました。"
                  "終わらない繰り返しがないか、ご確認ください。"},
    [CGIW_E16] = {500, "The script needed more memory than allowed.",
                  "メモリの上限に達しました。大きなファイルは、1 "
                  "行ずつ読むようにしてください。"},
    [CGIW_E17] = {500, "The script started too many processes.",
                  "プロセス数の上限に達しました。同時に起動する数を減らしてくだ"
                  "さい。"},
    [CGIW_E18] = {503,
                  "Too many scripts of this site run at once. Try again in a "
                  "moment.",
                  "同時に動かせるスクリプトの数に達しています。少し時間をおいて"
                  "、もう一度お試しください。"},
    [CGIW_E19] =
        {403,
         "The script can be written by others, or has a set-id bit. Set its "
         "mode to 755.",
         "スクリプトが、ほかの利用者からも書き込める設定、または setuid "
         "などの特別な属性になっています。属性を 755 "
         "に変更してください。"},
    [CGIW_E20] = {403,
                  "The script is no plain file inside the site. Put the file "
                  "itself there.",
                  "サイトの中の通常のファイルではありません(シンボリックリンク"
                  "など)。ファイルそのものを置いてください。"},
    [CGIW_E21] = {500,
                  "The script was stopped in the middle of its answer, for a "
                  "limit.",
                  "出力の途中で上限に達したため、スクリプトを停止しました。"},
    [CGIW_E22] = {503,
                  "Scripts cannot be started at the moment. Try again in a "
                  "minute.",
                  "ただいまスクリプトを起動できません。少し時間をおいて、もう一"
                  "度お試しください。"},
    [CGIW_E23] = {403, "The operator of the server has disabled this script.",
                  "このスクリプトは、サーバの管理者が停止しています。"
                  "お問い合わせください。"},
    [CGIW_E24] =
        {403,
         "Scripts are switched off in this directory. Write Options +ExecCGI "
         "into its .htaccess.",
         "このディレクトリでは CGI を動かせません。.htaccess に Options "
         "+ExecCGI と書いてください。"},
    [CGIW_E25] =
        {500,
         "The request is too large for a script: too many or too large "
         "headers, such as cookies.",
         "リクエストが大きすぎて、スクリプトに渡せません。Cookie "
         "などを小さくしてください。"},
    [CGIW_E26] = {404, "The script is not there. Upload it.",
                  "スクリプトが見つかりません。アップロードしてください。"},
};

static bool is_code(unsigned code)
{
    return code > CGIW_OK && code < CGIW_CODES;
}

int cgiw_status(unsigned code)
{
    return is_code(code) ? codes[code].status : 500;
}

const char *cgiw_code_en(unsigned code)
{
    return is_code(code) ? codes[code].en : NULL;
}

const char *cgiw_code_ja(unsigned code)
{
    return is_code(code) ? codes[code].ja : NULL;
}

/* --- filling in ----------------------------------------------------------- */

static const char *sentence(enum cgiw_code code, enum cgiw_detail detail)
{
    const char *first = "an error";

    for (size_t i = sizeof sentences / sizeof *sentences; i-- > 0;) {
        if (sentences[i].code != code) {
            continue;
        }
        if (sentences[i].detail == detail) {
            return sentences[i].text;
        }
        first = sentences[i].text;
    }
    return first;
}

static bool is(const char *word, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(word, name, len) == 0;
}

static void put_number(struct text *t, const char *word, size_t len,
                       const struct cgiw_facts *f)
{
    if (is(word, len, "limit")) {
        print(t, "%llu", (unsigned long long)f->limit);
    }
    else if (is(word, len, "limit-mb")) {
        put_mb(t, f->limit);
    }
    else if (is(word, len, "used")) {
        put_used(t, f);
    }
    else if (is(word, len, "used-mb")) {
        put_used_mb(t, f);
    }
    else if (is(word, len, "sizes")) {
        put_sizes(t, f);
    }
    else if (is(word, len, "mode")) {
        put_mode(t, f->mode);
    }
}

static void put_word(struct text *t, const char *word, size_t len,
                     const struct cgiw_facts *f)
{
    if (is(word, len, "script")) {
        put_quoted(t, f->script, PATH_SHOWN);
    }
    else if (is(word, len, "where")) {
        put_quoted(t, f->where[0] ? f->where : f->script, PATH_SHOWN);
    }
    else if (is(word, len, "what")) {
        put_quoted(t, f->what, LINE_SHOWN);
    }
    else if (is(word, len, "who")) {
        put_who(t, f->mode);
    }
    else if (is(word, len, "how")) {
        put_how(t, f->mode);
    }
    else if (is(word, len, "kind")) {
        put_kind(t, f->mode);
    }
    else if (is(word, len, "owner")) {
        put_owner(t, f->owner);
    }
    else if (is(word, len, "user")) {
        put_user(t, f);
    }
    else if (is(word, len, "first-line")) {
        put_first_line(t, f);
    }
    else if (is(word, len, "ended")) {
        put_ended(t, f);
    }
    else if (is(word, len, "mend-ended")) {
        put_mend_ended(t, f);
    }
    else if (is(word, len, "mend-inc")) {
        put_mend_inc(t, f);
    }
    else if (is(word, len, "why")) {
        put_why(t, f);
    }
    else {
        put_number(t, word, len, f);
    }
}

size_t cgiw_explain(enum cgiw_code code, const struct cgiw_facts *facts,
                    char *out, size_t size)
{
    struct text t = {out, size, 0};
    const char *s = sentence(code, facts->detail);

    print(&t, "E%02d ", (int)code);
    put_quoted(&t, facts->script, PATH_SHOWN);
    print(&t, ": ");
    while (*s) {
        size_t plain = strcspn(s, "{");

        put(&t, s, plain);
        s += plain;
        if (*s) {
            size_t len = strcspn(s, "}");

            put_word(&t, s + 1, len - 1, facts);
            s += len + 1;
        }
    }
    out[t.len] = '\0';
    return t.len;
}

/* --- Perl ----------------------------------------------------------------- */

static int copy_name(const char *from, const char *to, char *out, size_t size)
{
    size_t len = (size_t)(to - from);

    if (len == 0 || len >= size || from[0] == '/'
        || memmem(from, len, "..", 2)) {
        return 0;
    }
    memcpy(out, from, len);
    out[len] = '\0';
    return 1;
}

int cgiw_perl_missing(const char *line, char *out, size_t size)
{
    static const char *const ways[][2] = {
        {"Can't locate ", " in @INC"},
        {"do \"", "\" failed, '.' is no longer in @INC"},
    };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const char *from = strstr(line, ways[i][0]);
        const char *to = from ? strstr(from, ways[i][1]) : NULL;

        if (to) {
            return copy_name(from + strlen(ways[i][0]), to, out, size);
        }
    }
    return 0;
}
