if BUILD_COUNTER
noinst_LTLIBRARIES += libcounter.la
endif
libcounter_la_SOURCES = \
	counter/design.h \
	counter/query.c counter/query.h \
	counter/referrer.c counter/referrer.h \
	counter/render.h \
	counter/store.h \
	counter/text.c counter/text.h \
	counter/visitor.c counter/visitor.h
libcounter_la_CFLAGS = $(CORE_CFLAGS) $(SODIUM_CFLAGS)
libcounter_la_LIBADD =
