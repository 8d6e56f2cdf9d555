# The CGI wrapper: cores in libcgiw, for the daemon, the module, tests and fuzz
# targets alike; libc only.
noinst_LTLIBRARIES += libcgiw.la
# -iquote: for everybody else limits.h is the system's
CGIW_CPPFLAGS = -iquote $(srcdir)/cgi-wrapper $(AM_CPPFLAGS)
libcgiw_la_CPPFLAGS = $(CGIW_CPPFLAGS)
libcgiw_la_CFLAGS = $(CORE_CFLAGS)

# What is said to it and what it knows.
libcgiw_la_SOURCES = \
	cgi-wrapper/sites.c cgi-wrapper/sites.h \
	cgi-wrapper/wire.c cgi-wrapper/wire.h \
	cgi-wrapper/json.c cgi-wrapper/json.h

# The script, on its way to execve.
libcgiw_la_SOURCES += \
	cgi-wrapper/diagnose.c cgi-wrapper/diagnose.h \
	cgi-wrapper/environ.c cgi-wrapper/environ.h \
	cgi-wrapper/header.c cgi-wrapper/header.h \
	cgi-wrapper/shebang.c cgi-wrapper/shebang.h \
	cgi-wrapper/target.c cgi-wrapper/target.h

# Limits and process trees.
libcgiw_la_SOURCES += \
	cgi-wrapper/capabilities.c cgi-wrapper/capabilities.h \
	cgi-wrapper/cgroup.c cgi-wrapper/cgroup.h \
	cgi-wrapper/cgroup_file.c cgi-wrapper/cgroup_file.h \
	cgi-wrapper/cgroup_hierarchy.c cgi-wrapper/cgroup_hierarchy.h \
	cgi-wrapper/cgroup_mount.c cgi-wrapper/cgroup_mount.h \
	cgi-wrapper/confine.c cgi-wrapper/confine.h \
	cgi-wrapper/limits.c cgi-wrapper/limits.h \
	cgi-wrapper/tree.c cgi-wrapper/tree.h

# The daemon itself.
libcgiw_la_SOURCES += \
	cgi-wrapper/isindex.c cgi-wrapper/isindex.h \
	cgi-wrapper/log.c cgi-wrapper/log.h \
	cgi-wrapper/table.c cgi-wrapper/table.h
if BUILD_CGI_WRAPPER
pkglibexec_PROGRAMS += cgi-wrapper/cgi-wrapper
endif
cgi_wrapper_cgi_wrapper_SOURCES = \
	cgi-wrapper/child.c cgi-wrapper/child.h \
	cgi-wrapper/control.c cgi-wrapper/control.h \
	cgi-wrapper/daemon.h \
	cgi-wrapper/main.c \
	cgi-wrapper/reap.c cgi-wrapper/reap.h \
	cgi-wrapper/spawn.c cgi-wrapper/spawn.h
cgi_wrapper_cgi_wrapper_CPPFLAGS = $(CGIW_CPPFLAGS)
cgi_wrapper_cgi_wrapper_CFLAGS = $(CORE_CFLAGS) $(HARDEN_CFLAGS)
cgi_wrapper_cgi_wrapper_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS)
cgi_wrapper_cgi_wrapper_LDADD = libcgiw.la libomakase.la
