if BUILD_COUNTER
noinst_LTLIBRARIES += libcounter.la
endif
libcounter_la_SOURCES = \
	counter/conf.c counter/conf.h \
	counter/design.h \
	counter/query.c counter/query.h \
	counter/referrer.c counter/referrer.h \
	counter/render.h \
	counter/site.c counter/site.h \
	counter/store.c counter/store.h \
	counter/store_file.c counter/store_file.h \
	counter/store_verify.c \
	counter/text.c counter/text.h \
	counter/visitor.c counter/visitor.h
libcounter_la_CFLAGS = $(CORE_CFLAGS) $(XXHASH_CFLAGS) $(SODIUM_CFLAGS)
libcounter_la_LIBADD =

libcounter_la_SOURCES += \
	counter/answer.c counter/answer.h \
	counter/canvas.h \
	counter/design.c \
	counter/effects.c counter/effects.h \
	counter/font.c counter/font.h \
	counter/gif.c counter/gif.h \
	counter/render.c \
	counter/strip.c counter/strip.h \
	counter/svg.c counter/svg.h
