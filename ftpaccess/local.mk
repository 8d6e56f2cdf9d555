# .ftpaccess: libftpaccess, the program ftpaccess (whose command line omakase
# links as libftpaccesscli), and mod_ftpaccess for ProFTPD.
if BUILD_FTPACCESS
noinst_LTLIBRARIES += libftpaccess.la libftpaccesscli.la
bin_PROGRAMS += ftpaccess/ftpaccess
endif
FTPACCESS_CPPFLAGS = -I$(srcdir)/ftpaccess $(AM_CPPFLAGS)

libftpaccess_la_CPPFLAGS = $(FTPACCESS_CPPFLAGS)
libftpaccess_la_CFLAGS = $(CORE_CFLAGS)
libftpaccess_la_SOURCES = \
	ftpaccess/acl.c \
	ftpaccess/arena.c ftpaccess/arena.h \
	ftpaccess/command.c \
	ftpaccess/decide.c \
	ftpaccess/disk.c \
	ftpaccess/ftpaccess.h \
	ftpaccess/judge.c \
	ftpaccess/lift.c ftpaccess/lift.h \
	ftpaccess/lines.c ftpaccess/lines.h \
	ftpaccess/lint.c \
	ftpaccess/mend.h ftpaccess/mend_text.c ftpaccess/mend_words.c \
	ftpaccess/message.c ftpaccess/message.h ftpaccess/message_table.h \
	ftpaccess/parse.c \
	ftpaccess/session.c

libftpaccesscli_la_CPPFLAGS = $(FTPACCESS_CPPFLAGS)
libftpaccesscli_la_CFLAGS = $(AM_CFLAGS) $(FTPACCESS_CFLAGS)
libftpaccesscli_la_SOURCES = \
	ftpaccess/cli.c ftpaccess/cli.h \
	ftpaccess/cli_check.c \
	ftpaccess/cli_disable.c \
	ftpaccess/cli_explain.c \
	ftpaccess/cli_fix.c
FTPACCESS_CLI_LIBS = libftpaccesscli.la libftpaccess.la libomakase.la \
	$(FTPACCESS_LIBS)

ftpaccess_ftpaccess_SOURCES = ftpaccess/ftpaccess.c
ftpaccess_ftpaccess_CPPFLAGS = $(FTPACCESS_CPPFLAGS)
ftpaccess_ftpaccess_CFLAGS = $(AM_CFLAGS)
ftpaccess_ftpaccess_LDADD = $(FTPACCESS_CLI_LIBS)

# ProFTPD's headers have names that ours have (conf.h): none of ours but these.
if BUILD_MOD_FTPACCESS
proftpdmodule_LTLIBRARIES += ftpaccess/mod_ftpaccess.la
endif
ftpaccess_mod_ftpaccess_la_SOURCES = ftpaccess/mod_ftpaccess.c \
	ftpaccess/mod_ftpaccess_store.c ftpaccess/mod_ftpaccess_store.h
ftpaccess_mod_ftpaccess_la_CPPFLAGS = -D_GNU_SOURCE -DLINUX -DPR_SHARED_MODULE \
	-isystem $(PROFTPD_INCLUDEDIR) -I$(srcdir)/ftpaccess \
	-DOMAKASE_VERSION='"$(VERSION)"'
ftpaccess_mod_ftpaccess_la_CFLAGS = $(AM_CFLAGS)
ftpaccess_mod_ftpaccess_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version \
	-shared -export-symbols-regex '^ftpaccess_module$$'
ftpaccess_mod_ftpaccess_la_LIBADD = libftpaccess.la libomakase.la

# ProFTPD wants the .so alone, as httpd does.
install-data-hook: remove-proftpd-libtool-files
remove-proftpd-libtool-files:
	@for m in $(proftpdmodule_LTLIBRARIES); do \
	  rm -f "$(DESTDIR)$(proftpdmoduledir)/$${m##*/}"; \
	done
uninstall-hook: uninstall-proftpd-modules
uninstall-proftpd-modules:
	@for m in $(proftpdmodule_LTLIBRARIES); do \
	  m=$${m##*/}; rm -f "$(DESTDIR)$(proftpdmoduledir)/$${m%.la}.so"; \
	done
.PHONY: remove-proftpd-libtool-files uninstall-proftpd-modules
