/* mod_constant: for benchmarks only. Sends one image, the same each time, and
 * does nothing else: the price that httpd itself asks for an answer without a
 * file.
 *
 *   ConstantImage FILE      read when httpd starts
 *   <Location "/constant.gif">
 *       SetHandler bench-constant
 *   </Location> */
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"
#include "http_request.h"
#include "apr_file_io.h"
#include "apr_strings.h"

extern module AP_MODULE_DECLARE_DATA constant_module;

static struct {
    const char *data;
    apr_size_t len;
} image; /* set while httpd reads its configuration */

static const char *set_image(cmd_parms *cmd, void *dummy, const char *arg)
{
    apr_finfo_t finfo;
    apr_file_t *f;
    char *data;

    (void)dummy;
    if (apr_file_open(&f, arg, APR_FOPEN_READ, 0, cmd->pool) != APR_SUCCESS
        || apr_file_info_get(&finfo, APR_FINFO_SIZE, f) != APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, "ConstantImage: cannot open ", arg,
                           NULL);
    }
    image.len = (apr_size_t)finfo.size;
    image.data = data = apr_palloc(cmd->pool, image.len);
    if (apr_file_read_full(f, data, image.len, NULL) != APR_SUCCESS) {
        return apr_pstrcat(cmd->pool, "ConstantImage: cannot read ", arg,
                           NULL);
    }
    (void)apr_file_close(f);
    return NULL;
}

/* As mod_counter does: no file stands behind the address, no directory is
 * walked through for one. */
static int translate_name(request_rec *r)
{
    const core_dir_config *core =
        ap_get_core_module_config(r->per_dir_config);
    const char *unused;
    const char *name = core->expr_handler
                           ? ap_expr_str_exec(r, core->expr_handler, &unused)
                           : core->handler;

    if (name && strcmp(name, "bench-constant") == 0) {
        ap_set_module_config(r->request_config, &constant_module, r);
    }
    return DECLINED;
}

static int map_to_storage(request_rec *r)
{
    if (!ap_get_module_config(r->request_config, &constant_module)) {
        return DECLINED;
    }
    r->finfo.filetype = APR_REG;
    return OK;
}

static int handler(request_rec *r)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb;

    if (!r->handler || strcmp(r->handler, "bench-constant") != 0) {
        return DECLINED;
    }
    ap_set_content_type(r, "image/gif");
    ap_set_content_length(r, (apr_off_t)image.len);
    bb = apr_brigade_create(r->pool, alloc);
    APR_BRIGADE_INSERT_TAIL(
        bb, apr_bucket_immortal_create(image.data, image.len, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    (void)ap_pass_brigade(r->output_filters, bb); /* the client went away */
    return OK;
}

static const command_rec commands[] = {
    AP_INIT_TAKE1("ConstantImage", set_image, NULL, RSRC_CONF,
                  "the image that is sent"),
    {NULL}};

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_translate_name(translate_name, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA constant_module = {STANDARD20_MODULE_STUFF,
                                                 NULL,
                                                 NULL,
                                                 NULL,
                                                 NULL,
                                                 commands,
                                                 register_hooks,
                                                 AP_MODULE_FLAG_NONE};
