# Those that start threads: make check runs them under TSan as well.
THREADED_TESTS =

UNIT_TESTS += t/unit/num.t
t_unit_num_t_SOURCES = t/unit/num.c
t_unit_num_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_num_t_LDADD = $(UNIT_LIBS)

UNIT_TESTS += t/unit/file.t
t_unit_file_t_SOURCES = t/unit/file.c
t_unit_file_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_file_t_LDADD = $(UNIT_LIBS)

# libftpaccess.
if BUILD_FTPACCESS
FTPACCESS_TEST_CPPFLAGS = -I$(srcdir)/ftpaccess $(AM_CPPFLAGS)

UNIT_TESTS += t/unit/ftpaccess.t
t_unit_ftpaccess_t_SOURCES = t/unit/ftpaccess.c \
	t/unit/ftpaccess_tree.c t/unit/ftpaccess_tree.h
t_unit_ftpaccess_t_CPPFLAGS = $(FTPACCESS_TEST_CPPFLAGS)
t_unit_ftpaccess_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_ftpaccess_t_LDADD = libftpaccess.la $(UNIT_LIBS)

UNIT_TESTS += t/unit/ftpaccess_lint.t
t_unit_ftpaccess_lint_t_SOURCES = t/unit/ftpaccess_lint.c
t_unit_ftpaccess_lint_t_CPPFLAGS = $(FTPACCESS_TEST_CPPFLAGS)
t_unit_ftpaccess_lint_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_ftpaccess_lint_t_LDADD = libftpaccess.la $(UNIT_LIBS)
endif

# The counter's cores.
if BUILD_COUNTER
COUNTER_UNIT_LIBS = libcounter.la $(UNIT_LIBS) $(SODIUM_LIBS)

UNIT_TESTS += t/unit/query.t
t_unit_query_t_SOURCES = t/unit/query.c
t_unit_query_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_query_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/text.t
t_unit_text_t_SOURCES = t/unit/text.c
t_unit_text_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_text_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/referrer.t
t_unit_referrer_t_SOURCES = t/unit/referrer.c
t_unit_referrer_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_referrer_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/visitor.t
t_unit_visitor_t_SOURCES = t/unit/visitor.c
t_unit_visitor_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_visitor_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/store.t
THREADED_TESTS += t/unit/store.t
t_unit_store_t_SOURCES = t/unit/store.c
t_unit_store_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_store_t_LDADD = $(COUNTER_UNIT_LIBS) -lpthread

UNIT_TESTS += t/unit/site.t
t_unit_site_t_SOURCES = t/unit/site.c
t_unit_site_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_site_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/conf.t
t_unit_conf_t_SOURCES = t/unit/conf.c
t_unit_conf_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_conf_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/admin.t
t_unit_admin_t_SOURCES = t/unit/admin.c
t_unit_admin_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_admin_t_LDADD = libcounteradmin.la $(COUNTER_UNIT_LIBS) $(JANSSON_LIBS)

# Images; BUILDDIR is where the designs and the effects have been built.
IMAGE_UNIT_CPPFLAGS = $(AM_CPPFLAGS) -DBUILDDIR='"$(abs_builddir)"'
IMAGE_UNIT_LIBS = $(COUNTER_UNIT_LIBS) $(GD_LIBS) $(GIF_LIBS)
IMAGE_UNIT_NEEDS = counter_effects.la $(DESIGN_STRIPS)
PICTURES = t/unit/pictures.c t/unit/pictures.h

UNIT_TESTS += t/unit/gif.t
t_unit_gif_t_SOURCES = t/unit/gif.c $(PICTURES)
t_unit_gif_t_CPPFLAGS = $(IMAGE_UNIT_CPPFLAGS)
t_unit_gif_t_CFLAGS = $(UNIT_CFLAGS) $(GD_CFLAGS)
t_unit_gif_t_LDADD = $(IMAGE_UNIT_LIBS)

UNIT_TESTS += t/unit/strip.t
t_unit_strip_t_SOURCES = t/unit/strip.c $(PICTURES)
t_unit_strip_t_CPPFLAGS = $(IMAGE_UNIT_CPPFLAGS)
t_unit_strip_t_CFLAGS = $(UNIT_CFLAGS) $(GD_CFLAGS)
t_unit_strip_t_LDADD = $(IMAGE_UNIT_LIBS)
EXTRA_t_unit_strip_t_DEPENDENCIES = $(IMAGE_UNIT_NEEDS)

UNIT_TESTS += t/unit/design.t
THREADED_TESTS += t/unit/design.t
t_unit_design_t_SOURCES = t/unit/design.c $(PICTURES)
t_unit_design_t_CPPFLAGS = $(IMAGE_UNIT_CPPFLAGS)
t_unit_design_t_CFLAGS = $(UNIT_CFLAGS) $(GD_CFLAGS)
t_unit_design_t_LDADD = $(IMAGE_UNIT_LIBS) -lpthread

UNIT_TESTS += t/unit/effects.t
t_unit_effects_t_SOURCES = t/unit/effects.c $(PICTURES)
t_unit_effects_t_CPPFLAGS = $(IMAGE_UNIT_CPPFLAGS)
t_unit_effects_t_CFLAGS = $(UNIT_CFLAGS) $(GD_CFLAGS)
t_unit_effects_t_LDADD = $(IMAGE_UNIT_LIBS)
EXTRA_t_unit_effects_t_DEPENDENCIES = $(IMAGE_UNIT_NEEDS)

UNIT_TESTS += t/unit/render.t
t_unit_render_t_SOURCES = t/unit/render.c $(PICTURES)
t_unit_render_t_CPPFLAGS = $(IMAGE_UNIT_CPPFLAGS)
t_unit_render_t_CFLAGS = $(UNIT_CFLAGS) $(GD_CFLAGS)
t_unit_render_t_LDADD = $(IMAGE_UNIT_LIBS)
EXTRA_t_unit_render_t_DEPENDENCIES = $(IMAGE_UNIT_NEEDS)

UNIT_TESTS += t/unit/golden.t
t_unit_golden_t_SOURCES = t/unit/golden.c $(PICTURES)
t_unit_golden_t_CPPFLAGS = $(IMAGE_UNIT_CPPFLAGS) \
	-DGOLDEN='"$(abs_srcdir)/t/golden"'
t_unit_golden_t_CFLAGS = $(UNIT_CFLAGS) $(GD_CFLAGS)
t_unit_golden_t_LDADD = $(IMAGE_UNIT_LIBS)
EXTRA_t_unit_golden_t_DEPENDENCIES = $(IMAGE_UNIT_NEEDS)
endif

# After a change that is meant: look at what git shows to have changed.
golden: all t/unit/golden.t t/unit/sheet.t
	$(MKDIR_P) $(srcdir)/t/golden
	t/unit/golden.t --write
	t/unit/sheet.t --write
.PHONY: golden
EXTRA_DIST += t/golden

# The program omakase's cores.
if BUILD_PROVISION
PROVISION_UNIT_LIBS = libprovision.la $(UNIT_LIBS) $(PROVISION_LIBS)
PROVISION_UNIT_CFLAGS = $(UNIT_CFLAGS) $(PROVISION_CFLAGS)

UNIT_TESTS += t/unit/names.t
t_unit_names_t_SOURCES = t/unit/names.c
t_unit_names_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_names_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_names_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/node.t
t_unit_node_t_SOURCES = t/unit/node.c
t_unit_node_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_node_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_node_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/generation.t
t_unit_generation_t_SOURCES = t/unit/generation.c
t_unit_generation_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_generation_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_generation_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/plan.t
t_unit_plan_t_SOURCES = t/unit/plan.c
t_unit_plan_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_plan_t_CPPFLAGS = $(PROVISION_CPPFLAGS) \
	-DCONFD='"$(abs_srcdir)/conf.d"'
t_unit_plan_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/edit.t
t_unit_edit_t_SOURCES = t/unit/edit.c
t_unit_edit_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_edit_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_edit_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/secret.t
t_unit_secret_t_SOURCES = t/unit/secret.c
t_unit_secret_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_secret_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_secret_t_LDADD = $(PROVISION_UNIT_LIBS) -lcrypt

UNIT_TESTS += t/unit/customer.t
t_unit_customer_t_SOURCES = t/unit/customer.c
t_unit_customer_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_customer_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_customer_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/mail.t
t_unit_mail_t_SOURCES = t/unit/mail.c
t_unit_mail_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_mail_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_mail_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/sheet.t
t_unit_sheet_t_SOURCES = t/unit/sheet.c
t_unit_sheet_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_sheet_t_CPPFLAGS = $(PROVISION_CPPFLAGS) \
	-DSHARE='"$(abs_srcdir)/share"' -DGOLDEN='"$(abs_srcdir)/t/golden"'
t_unit_sheet_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/account.t
t_unit_account_t_SOURCES = t/unit/account.c $(CUSTOMERS)
t_unit_account_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_account_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_account_t_LDADD = $(PROVISION_UNIT_LIBS)

# Trees of customers, with processes under their uids.
CUSTOMERS = t/unit/customers.c t/unit/customers.h

UNIT_TESTS += t/unit/tree.t
t_unit_tree_t_SOURCES = t/unit/tree.c $(CUSTOMERS)
t_unit_tree_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_tree_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_tree_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/erase.t
t_unit_erase_t_SOURCES = t/unit/erase.c $(CUSTOMERS)
t_unit_erase_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_erase_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_erase_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/quota.t
t_unit_quota_t_SOURCES = t/unit/quota.c $(CUSTOMERS)
t_unit_quota_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_quota_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_quota_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/usage.t
t_unit_usage_t_SOURCES = t/unit/usage.c $(CUSTOMERS)
t_unit_usage_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_usage_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_usage_t_LDADD = $(PROVISION_UNIT_LIBS)
endif
