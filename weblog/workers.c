#include "workers.h"

#include "keep.h"
#include "line.h"
#include "lock.h"
#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NICE 10
#define BUSY_S 1    /* another logger compresses there */
#define FAILED_S 60 /* the disk is full */

struct job {
    char login[WEBLOG_LOGIN_MAX + 1];
    time_t not_before; /* of CLOCK_MONOTONIC */
    bool taken;
    bool again; /* asked for while it was taken */
    struct job *next;
};

struct weblog_workers {
    struct weblog_workers_conf conf;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct job *jobs; /* in their order */
    bool sweep;       /* nobody has looked at the trees yet */
    bool stop;
    unsigned started;
    struct worker {
        struct weblog_workers *all;
        pthread_t thread;
        int lock_fd;
    } workers[WEBLOG_WORKERS_MAX];
};

static time_t now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void say(const struct weblog_workers *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct weblog_workers *w, const char *format, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    w->conf.say(w->conf.ctx, line);
}

/* --- one log/ ------------------------------------------------------------ */

static bool is_stopping(struct weblog_workers *w)
{
    bool stop;

    (void)pthread_mutex_lock(&w->mutex);
    stop = w->stop;
    (void)pthread_mutex_unlock(&w->mutex);
    return stop;
}

static int keep_kind(struct worker *me, int dir, off_t key,
                     enum weblog_kind kind)
{
    int error = 0;

    while (!error && !is_stopping(me->all)) {
        error =
            weblog_keep_one(dir, kind, me->lock_fd, key, me->all->conf.level);
    }
    return error == ENOENT ? 0 : error;
}

/* 0, or after how many seconds to try again. */
static int keep_all(struct worker *me, const char *login)
{
    struct stat st;
    off_t key;
    int dir, error = weblog_place_open(me->all->conf.srv, login, &dir, &st);

    if (error == ENOENT) {
        return 0; /* removed */
    }
    if (error) {
        say(me->all, "OMK0506: %s: log/ cannot be opened to compress there: %s",
            login, strerror(error));
        return FAILED_S;
    }
    key = weblog_lock_key(&st);
    error = weblog_lock(me->lock_fd, key, WEBLOG_LOCK_GZIP, false);
    if (error) {
        close(dir);
        return error == EAGAIN ? BUSY_S : FAILED_S;
    }
    for (int k = 0; !error && k < WEBLOG_KINDS; k++) {
        error = keep_kind(me, dir, key, (enum weblog_kind)k);
    }
    weblog_unlock(me->lock_fd, key, WEBLOG_LOCK_GZIP);
    close(dir);
    if (error) {
        say(me->all,
            "OMK0506: %s: a closed log cannot be compressed: %s; it stays as "
            "it is and is tried again",
            login, strerror(error));
    }
    return error ? FAILED_S : 0;
}

/* --- the queue ----------------------------------------------------------- */

/* The mutex is held. */
static void add_job(struct weblog_workers *w, const char *login)
{
    struct job **at = &w->jobs, *job;

    while (*at && strcmp((*at)->login, login) != 0) {
        at = &(*at)->next;
    }
    if (*at) {
        (*at)->again = (*at)->taken;
        return;
    }
    job = calloc(1, sizeof *job);
    if (!job) {
        return; /* found at the next start */
    }
    (void)snprintf(job->login, sizeof job->login, "%s", login);
    *at = job;
    (void)pthread_cond_signal(&w->changed);
}

void weblog_workers_add(struct weblog_workers *w, const char *login)
{
    (void)pthread_mutex_lock(&w->mutex);
    add_job(w, login);
    (void)pthread_mutex_unlock(&w->mutex);
}

/* The first that is due; else NULL, and when the next one is, or 0. */
static struct job *due(const struct weblog_workers *w, time_t *next)
{
    time_t now = now_s();

    *next = 0;
    for (struct job *j = w->jobs; j; j = j->next) {
        if (!j->taken && j->not_before <= now) {
            return j;
        }
        if (!j->taken && (!*next || j->not_before < *next)) {
            *next = j->not_before;
        }
    }
    return NULL;
}

static void finish(struct weblog_workers *w, struct job *job, int again_s)
{
    struct job **at = &w->jobs;

    job->taken = false;
    if (again_s || job->again) {
        job->not_before = now_s() + again_s;
        job->again = false;
        return;
    }
    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
    free(job);
}

static void wait_until(struct weblog_workers *w, time_t next)
{
    struct timespec at = {.tv_sec = next};

    if (next) {
        (void)pthread_cond_timedwait(&w->changed, &w->mutex, &at);
    }
    else {
        (void)pthread_cond_wait(&w->changed, &w->mutex);
    }
}

/* --- the look at the start ----------------------------------------------- */

static bool has_closed(int srv, const char *login)
{
    struct weblog_closed found = {0};
    struct stat st;
    bool any = false;
    int dir;

    if (weblog_place_open(srv, login, &dir, &st) != 0) {
        return false;
    }
    for (int k = 0; k < WEBLOG_KINDS && !any; k++) {
        any = weblog_closed_find(dir, (enum weblog_kind)k, &found) == 0
              && found.count;
    }
    close(dir);
    return any;
}

/* The directory may be one that we could not open again: srv is read itself. */
static void sweep(struct weblog_workers *w)
{
    int fd = dup(w->conf.srv);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;

    if (!list) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    rewinddir(list);
    while (!is_stopping(w) && (e = readdir(list))) {
        if (weblog_is_login(e->d_name, strlen(e->d_name))
            && has_closed(w->conf.srv, e->d_name)) {
            weblog_workers_add(w, e->d_name);
        }
    }
    closedir(list);
}

/* --- a thread ------------------------------------------------------------ */

static void *work(void *worker)
{
    struct worker *me = worker;
    struct weblog_workers *w = me->all;

    /* On Linux a thread has a priority of its own. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    (void)pthread_mutex_lock(&w->mutex);
    while (!w->stop) {
        time_t next;
        struct job *job;

        if (w->sweep) {
            w->sweep = false;
            (void)pthread_mutex_unlock(&w->mutex);
            sweep(w);
            (void)pthread_mutex_lock(&w->mutex);
            continue;
        }
        job = due(w, &next);
        if (!job) {
            wait_until(w, next);
            continue;
        }
        job->taken = true;
        (void)pthread_mutex_unlock(&w->mutex);
        {
            int again_s = keep_all(me, job->login);

            (void)pthread_mutex_lock(&w->mutex);
            finish(w, job, again_s);
        }
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return NULL;
}

/* --- from outside -------------------------------------------------------- */

static int start_threads(struct weblog_workers *w)
{
    sigset_t all, before;
    int error = 0;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (!error && w->started < w->conf.threads) {
        struct worker *me = &w->workers[w->started];

        me->all = w;
        me->lock_fd = w->conf.lock_fds[w->started];
        error = pthread_create(&me->thread, NULL, work, me);
        w->started += error ? 0 : 1;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w->started ? 0 : error;
}

int weblog_workers_start(const struct weblog_workers_conf *conf,
                         struct weblog_workers **out)
{
    struct weblog_workers *w = calloc(1, sizeof *w);
    pthread_condattr_t attr;
    int error;

    if (!w) {
        return ENOMEM;
    }
    w->conf = *conf;
    w->sweep = true;
    (void)pthread_mutex_init(&w->mutex, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    error = start_threads(w);
    if (error) {
        weblog_workers_stop(w);
        return error;
    }
    *out = w;
    return 0;
}

void weblog_workers_stop(struct weblog_workers *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    w->stop = true;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->mutex);
    for (unsigned i = 0; i < w->started; i++) {
        (void)pthread_join(w->workers[i].thread, NULL);
    }
    while (w->jobs) {
        struct job *next = w->jobs->next;

        free(w->jobs);
        w->jobs = next;
    }
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->mutex);
    free(w);
}
