# The node's logger, and what mod_weblog and `omakase log` share with it. No
# APR in it.
noinst_LTLIBRARIES += libweblog.la
libweblog_la_SOURCES = \
	weblog/combined.c weblog/combined.h \
	weblog/keep.c weblog/keep.h \
	weblog/line.c weblog/line.h \
	weblog/lock.c weblog/lock.h \
	weblog/place.c weblog/place.h \
	weblog/sites.c weblog/sites.h \
	weblog/summary.c weblog/summary.h \
	weblog/workers.c weblog/workers.h
libweblog_la_CPPFLAGS = -I$(srcdir)/weblog $(AM_CPPFLAGS)
libweblog_la_CFLAGS = $(CORE_CFLAGS) $(ZLIB_CFLAGS)

pkglibexec_PROGRAMS += weblog/omakase-weblog
weblog_omakase_weblog_SOURCES = weblog/omakase_weblog.c
weblog_omakase_weblog_CPPFLAGS = -I$(srcdir)/weblog $(AM_CPPFLAGS)
weblog_omakase_weblog_CFLAGS = $(AM_CFLAGS)
weblog_omakase_weblog_LDADD = libweblog.la libomakase.la $(ZLIB_LIBS) -lpthread
