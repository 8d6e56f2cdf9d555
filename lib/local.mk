noinst_LTLIBRARIES += libomakase.la
libomakase_la_SOURCES = \
	lib/denied.c lib/denied.h \
	lib/err.c lib/err.h \
	lib/file.c lib/file.h \
	lib/num.c lib/num.h
libomakase_la_CFLAGS = $(CORE_CFLAGS)
