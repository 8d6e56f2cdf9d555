/* mod_index_order: directories looked at lately; see the header. */
#include "mod_index_order_memory.h"

#include "http_core.h"
#include "http_log.h"

#include <sys/vfs.h>
#include <linux/magic.h>

APLOG_USE_MODULE(index_order);

#define ENTRIES 64 /* a power of two */
#define WORTH_IT 2 /* looks spared, at least */
/* ext4 with small inodes counts in whole seconds. */
#define SETTLED apr_time_from_sec(2)

struct memory {
    apr_dev_t device;
    apr_ino_t inode;
    apr_time_t changed;
    const void *list; /* NULL: empty */
    int absent;
};

static _Thread_local struct memory memory[ENTRIES];

static struct memory *entry_of(const apr_finfo_t *dir, const void *list)
{
    apr_uint64_t key = (apr_uint64_t)dir->inode + (apr_uint64_t)dir->device
                       + (apr_uintptr_t)list / sizeof(void *);

    return &memory[(key * 0x9e3779b97f4a7c15u >> 32) % ENTRIES];
}

static int has_times(const apr_finfo_t *dir)
{
    const apr_int32_t needed = APR_FINFO_CTIME | APR_FINFO_IDENT;

    return (dir->valid & needed) == needed;
}

static int keeps_times(const char *path)
{
    struct statfs fs;

    if (statfs(path, &fs) != 0) {
        return 0;
    }
    switch (fs.f_type) {
    case EXT4_SUPER_MAGIC: /* and ext2, ext3 */
    case BTRFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
    case XFS_SUPER_MAGIC:
        return 1;
    default: /* network, FUSE, overlay: who knows */
        return 0;
    }
}

int index_memory_known(const request_rec *r, const void *list)
{
    const apr_finfo_t *dir = &r->finfo;
    const struct memory *m = entry_of(dir, list);

    if (!list || m->list != list || !has_times(dir) || m->inode != dir->inode
        || m->device != dir->device || m->changed != dir->ctime) {
        return 0;
    }
    ap_log_rerror(APLOG_MARK, APLOG_TRACE2, 0, r,
                  "index_order: %s: %d absent, from memory", r->filename,
                  m->absent);
    return m->absent;
}

void index_memory_note(const request_rec *r, const void *list, int number)
{
    const apr_finfo_t *dir = &r->finfo;
    struct memory *m = entry_of(dir, list);

    if (!list || number < WORTH_IT || !has_times(dir)
        || dir->ctime > r->request_time - SETTLED
        || (m->list == list && m->inode == dir->inode
            && m->device == dir->device && m->changed == dir->ctime)
        || !keeps_times(r->filename)) {
        return;
    }
    *m = (struct memory){dir->device, dir->inode, dir->ctime, list, number};
}
