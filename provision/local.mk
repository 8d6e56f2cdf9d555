# The program omakase: cores as libprovision, commands and main in the program.
if BUILD_PROVISION
noinst_LTLIBRARIES += libprovision.la
endif
# Its headers have names that others have too (conf.h): its own come first.
PROVISION_CPPFLAGS = -I$(srcdir)/provision $(AM_CPPFLAGS) \
	-DOMAKASE_CONFDDIR='"$(sysconfdir)/omakase/conf.d"' \
	-DOMAKASE_LIBEXECDIR='"$(pkglibexecdir)"' \
	-DOMAKASE_MODULEDIR='"$(apachemoduledir)"' \
	-DOMAKASE_HTTPD='"$(HTTPD)"' \
	-DOMAKASE_HTTPD_MODULES='"$(APACHE_LIBEXECDIR)"' \
	-DOMAKASE_PHP_FPM='"$(PHP_FPM)"' \
	-DOMAKASE_MARIADBD='"$(MARIADBD)"' \
	-DOMAKASE_PROFTPD='"$(PROFTPD)"' \
	-DOMAKASE_PROFTPD_MODULES='"$(PROFTPD_MODULES)"' \
	-DOMAKASE_PROFTPD_FTPACCESS='"$(PROFTPD_FTPACCESS)"'
libprovision_la_CPPFLAGS = $(PROVISION_CPPFLAGS)
libprovision_la_CFLAGS = $(CORE_CFLAGS) $(PROVISION_CFLAGS)
libprovision_la_LIBADD = $(ACL_LIBS)
libprovision_la_SOURCES = \
	provision/apply.c provision/apply.h \
	provision/archive.c provision/archive.h \
	provision/audit.c provision/audit.h \
	provision/blame.c provision/blame.h \
	provision/check.c provision/check.h provision/check_impl.h \
	provision/check_cgi.c \
	provision/check_files.c provision/check_ports.c \
	provision/check_profile.c \
	provision/daemon.c provision/daemon.h \
	provision/daemon_httpd.c provision/daemon_mariadb.c \
	provision/daemon_php.c provision/daemon_proftpd.c \
	provision/diff.c provision/diff.h \
	provision/disabled.c provision/disabled.h \
	provision/edit.c provision/edit.h \
	provision/erase.c provision/erase.h \
	provision/files.c provision/files.h \
	provision/ftp_users.c provision/ftp_users.h \
	provision/ftp_sessions.c provision/ftp_sessions.h \
	provision/generation.c provision/generation.h \
	provision/phpmyadmin.c provision/phpmyadmin.h \
	provision/plan.c provision/plan.h \
	provision/probe.c provision/probe.h \
	provision/proc.c provision/proc.h \
	provision/purge.c provision/purge.h \
	provision/render.c provision/render.h \
	provision/render_httpd.c provision/render_mariadb.c \
	provision/render_php.c provision/render_proftpd.c \
	provision/run.c provision/run.h \
	provision/scripts.c provision/scripts.h \
	provision/secret.c provision/secret.h \
	provision/status.c provision/status.h \
	provision/account.c provision/account.h \
	provision/btrfs.c provision/btrfs.h \
	provision/cgi.c provision/cgi.h \
	provision/conf.c provision/conf.h \
	provision/customer.c provision/customer.h \
	provision/database.c provision/database.h provision/database_impl.h \
	provision/database_apply.c provision/database_dump.c \
	provision/database_state.c \
	provision/host.c provision/host.h \
	provision/mail.c provision/mail.h \
	provision/names.c provision/names.h \
	provision/node.c provision/node.h \
	provision/quota.c provision/quota.h \
	provision/scan.c provision/scan.h \
	provision/sheet.c provision/sheet.h \
	provision/tool.c provision/tool.h \
	provision/tree.c provision/tree.h \
	provision/usage.c provision/usage.h \
	provision/walk.c provision/walk.h \
	provision/weblog.c provision/weblog.h

if BUILD_PROVISION
sbin_PROGRAMS += provision/omakase
endif
provision_omakase_SOURCES = \
	provision/cmd.h \
	provision/cmd_account.c \
	provision/cmd_apply.c \
	provision/cmd_cgi.c \
	provision/cmd_customer.c \
	provision/cmd_edit.c \
	provision/cmd_ftp.c \
	provision/cmd_log.c \
	provision/cmd_mail.c \
	provision/cmd_node.c \
	provision/cmd_sheet.c \
	provision/main.c
provision_omakase_CPPFLAGS = $(PROVISION_CPPFLAGS) -I$(srcdir)/weblog \
	-I$(srcdir)/ftpaccess
provision_omakase_CFLAGS = $(AM_CFLAGS) $(PROVISION_CFLAGS)
provision_omakase_LDADD = libprovision.la libweblog.la \
	$(FTPACCESS_CLI_LIBS) libomakase.la \
	$(PROVISION_LIBS) $(ZLIB_LIBS)

EXTRA_DIST += provision/mariadb-init provision/phpmyadmin-init
if BUILD_PROVISION
pkglibexec_SCRIPTS += provision/mariadb-init provision/phpmyadmin-init
endif

EXTRA_DIST += provision/completions/omakase
if BUILD_PROVISION
omakasecompletiondir = $(bashcompletiondir)
omakasecompletion_DATA = provision/completions/omakase
endif
