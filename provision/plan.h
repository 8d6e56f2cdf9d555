/* What is declared against what is there: the list of changes that an apply
 * would make. Making a plan changes nothing. */
#ifndef OMK_PLAN_H
#define OMK_PLAN_H

#include "customer.h"
#include "files.h"
#include "render.h"

#include <apr_tables.h>

struct omk_node;

enum omk_change_kind {
    OMK_CHANGE_ADD,
    OMK_CHANGE_ALTER,
    OMK_CHANGE_REMOVE,
    OMK_CHANGE_REPAIR, /* what is there is not what was applied */
    OMK_CHANGE_RELOAD
};

struct omk_change {
    enum omk_change_kind kind;
    const char *subject; /* a login, a file of the node's, a daemon */
    const char *what;    /* one line */
    const char *detail;  /* lines "- old" and "+ new", or "" */
};

struct omk_plan {
    apr_pool_t *p;
    const struct omk_node *node;
    unsigned current; /* generation; 0: none yet */
    /* As they will be: who is wrong (err.code is set) is as last applied, or
     * without customer where nothing was. */
    struct omk_customers *customers;
    struct omk_customers *applied;
    struct omk_model model;
    struct omk_files *manifest;  /* of current */
    struct omk_files *there;     /* what lies in current */
    struct omk_files *rendered;  /* last, of these customers */
    const struct omk_customer **rendered_of;
    apr_array_header_t *changes; /* struct omk_change */
    size_t held;                 /* customers that are wrong */
    bool new_generation;         /* files differ */
};

int omk_plan_make(apr_pool_t *p, const struct omk_node *n,
                  struct omk_plan **out, struct omk_err *err);

/* Takes a customer as last applied (or out, where nothing was), for the reason
 * in why, and everybody whose claims that collides with. */
void omk_plan_hold(struct omk_plan *plan, struct omk_customer_entry *e,
                   const struct omk_err *why);

/* Whether the generation of the customers as they are now differs from what
 * lies in current. */
int omk_plan_differs(struct omk_plan *plan, bool *out, struct omk_err *err);

/* The files of a generation of the customers as they are now in dir; what was
 * rendered of the same before is not rendered again. */
int omk_plan_render(struct omk_plan *plan, const char *dir,
                    struct omk_files **out, struct omk_err *err);

/* Adds a change. Strings are kept. */
void omk_plan_add(struct omk_plan *plan, enum omk_change_kind kind,
                  const char *subject, const char *what, const char *detail);

const char *omk_change_kind_name(enum omk_change_kind kind);

#endif
