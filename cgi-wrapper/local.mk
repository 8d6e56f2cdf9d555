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
	cgi-wrapper/limits.h

# The daemon itself.
