/* STATE/audit.log: what was changed, when, by whom; a line an event. */
#ifndef OMK_AUDIT_H
#define OMK_AUDIT_H

struct omk_node;

/* "TIME OMK0301 uid=0 TEXT". id is one of the operator's guide's. Never a
 * secret. A log that cannot be written stops nothing. */
void omk_audit(const struct omk_node *n, const char *id, const char *format,
               ...) __attribute__((format(printf, 3, 4)));

#endif
