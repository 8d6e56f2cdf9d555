#include "effects.h"

#include "err.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

static _Atomic(const char *) effects_path =
    OMAKASE_LIBDIR "/counter_effects.so";
static _Atomic(const struct counter_effects *) loaded;

void counter_effects_path(const char *path)
{
    atomic_store(&effects_path, path);
}

int counter_effects(const struct counter_effects **out, struct omk_err *err)
{
    const struct counter_effects *effects = atomic_load(&loaded);
    const char *path = atomic_load(&effects_path);
    void *object;

    if (effects) {
        *out = effects;
        return OMK_OK;
    }
    /* Two threads may come here at once: dlopen gives both the same. It is
     * never closed. */
    object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        const char *why = dlerror();

        return omk_fail(err, OMK_EIO, path, "%s", why ? why : "dlopen");
    }
    effects = dlsym(object, "counter_effects_gd");
    if (!effects || effects->abi != COUNTER_EFFECTS_ABI) {
        return omk_fail(err, OMK_EIO, path, "of another version");
    }
    atomic_store(&loaded, effects);
    *out = effects;
    return OMK_OK;
}
