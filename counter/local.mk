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

# Starts once a hit: giflib's and libsodium's few functions go into it, so that
# nothing but libc is loaded.
if BUILD_COUNTER
pkglibexec_PROGRAMS += counter/Count.cgi
endif
COUNT_CGI_LIBS = libcounter.la libomakase.la $(GIF_STATIC_LIBS) \
	$(SODIUM_STATIC_LIBS)
counter_Count_cgi_SOURCES = counter/count_cgi.c
counter_Count_cgi_CFLAGS = $(AM_CFLAGS)
counter_Count_cgi_LDADD = $(COUNT_CGI_LIBS)

# The same with its configuration elsewhere, for tests:
#   make count-cgi-at CONF=/tmp/x/counter.conf OUT=/tmp/x/Count.cgi
count-cgi-at: libcounter.la libomakase.la
	$(LIBTOOL) --silent --tag=CC --mode=link $(CC) $(AM_CPPFLAGS) $(AM_CFLAGS) \
	  $(CFLAGS) -DCOUNTER_CONF='"$(CONF)"' $(AM_LDFLAGS) -o $(OUT) \
	  $(srcdir)/counter/count_cgi.c $(COUNT_CGI_LIBS)
.PHONY: count-cgi-at

# Loaded by the first image that needs it: see counter/effects.h.
if BUILD_COUNTER
pkglib_LTLIBRARIES += counter_effects.la
endif
counter_effects_la_SOURCES = \
	counter/canvas.h counter/effects.h counter/render.h \
	counter/effects_gd.c \
	counter/picture.c counter/picture.h
counter_effects_la_CFLAGS = $(CORE_CFLAGS) $(GD_CFLAGS)
counter_effects_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-export-symbols-regex '^counter_effects_gd$$'
counter_effects_la_LIBADD = libomakase.la $(GD_LIBS)
