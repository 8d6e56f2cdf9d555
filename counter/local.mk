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

# The operator's program. What of it can be had without printing is a library,
# for tests and fuzz targets.
if BUILD_COUNTER
noinst_LTLIBRARIES += libcounteradmin.la
sbin_PROGRAMS += counter/omakase-counter
bashcompletion_DATA = counter/completions/omakase-counter
endif
bashcompletiondir = $(datadir)/bash-completion/completions
EXTRA_DIST += counter/completions/omakase-counter
libcounteradmin_la_SOURCES = \
	counter/admin_datafile.c counter/admin_datafile.h \
	counter/admin_entries.c counter/admin_entries.h \
	counter/admin_files.c counter/admin_files.h \
	counter/admin_json.c counter/admin_json.h \
	counter/admin_owner.c counter/admin_owner.h \
	counter/admin_tag.c counter/admin_tag.h
libcounteradmin_la_CFLAGS = $(CORE_CFLAGS) $(JANSSON_CFLAGS)
COUNTER_ADMIN_LIBS = libcounteradmin.la libcounter.la libomakase.la \
	$(GIF_LIBS) $(SODIUM_LIBS) $(JANSSON_LIBS)
counter_omakase_counter_SOURCES = \
	counter/omakase_counter.c counter/admin.h \
	counter/admin_commands.c counter/admin_common.c counter/admin_import.c
counter_omakase_counter_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
counter_omakase_counter_LDADD = $(COUNTER_ADMIN_LIBS)

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
