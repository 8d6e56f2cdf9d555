# Fuzz targets. Everywhere they replay their corpus (make check); configured
# with CC=clang --enable-fuzzers they are libFuzzer programs, see t/fuzz/run.
EXTRA_DIST += t/fuzz/corpus t/fuzz/run
if LIBFUZZER
FUZZ_MAIN = t/fuzz/fuzz.h
FUZZ_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
check_PROGRAMS += $(FUZZ_TARGETS)
else
FUZZ_MAIN = t/fuzz/fuzz.h t/fuzz/replay.c
FUZZ_LDFLAGS = $(AM_LDFLAGS)
UNIT_TESTS += $(FUZZ_TARGETS)
endif
FUZZ_TARGETS =
FUZZ_CORPUS = $(abs_srcdir)/t/fuzz/corpus

if BUILD_COUNTER
FUZZ_TARGETS += t/fuzz/fuzz_query.t
t_fuzz_fuzz_query_t_SOURCES = t/fuzz/fuzz_query.c $(FUZZ_MAIN)
t_fuzz_fuzz_query_t_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/query"'
t_fuzz_fuzz_query_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_query_t_LDADD = libcounter.la libomakase.la

FUZZ_TARGETS += t/fuzz/fuzz_referrer.t
t_fuzz_fuzz_referrer_t_SOURCES = t/fuzz/fuzz_referrer.c $(FUZZ_MAIN)
t_fuzz_fuzz_referrer_t_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/referrer"'
t_fuzz_fuzz_referrer_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_referrer_t_LDADD = libcounter.la libomakase.la $(SODIUM_LIBS)

FUZZ_TARGETS += t/fuzz/fuzz_conf.t
t_fuzz_fuzz_conf_t_SOURCES = t/fuzz/fuzz_conf.c $(FUZZ_MAIN)
t_fuzz_fuzz_conf_t_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/conf"'
t_fuzz_fuzz_conf_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_conf_t_LDADD = libcounter.la libomakase.la $(SODIUM_LIBS)

FUZZ_TARGETS += t/fuzz/fuzz_import.t
t_fuzz_fuzz_import_t_SOURCES = t/fuzz/fuzz_import.c $(FUZZ_MAIN)
t_fuzz_fuzz_import_t_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/import"'
t_fuzz_fuzz_import_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_import_t_LDADD = libcounteradmin.la libcounter.la libomakase.la \
	$(SODIUM_LIBS) $(JANSSON_LIBS)

FUZZ_TARGETS += t/fuzz/fuzz_store.t
t_fuzz_fuzz_store_t_SOURCES = t/fuzz/fuzz_store.c $(FUZZ_MAIN)
t_fuzz_fuzz_store_t_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/store"'
t_fuzz_fuzz_store_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_store_t_LDADD = libcounter.la libomakase.la -lpthread

FUZZ_TARGETS += t/fuzz/fuzz_strip.t
t_fuzz_fuzz_strip_t_SOURCES = t/fuzz/fuzz_strip.c $(FUZZ_MAIN)
t_fuzz_fuzz_strip_t_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/strip"'
t_fuzz_fuzz_strip_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_strip_t_LDADD = libcounter.la libomakase.la $(GIF_LIBS)
endif

FUZZ_TARGETS += t/fuzz/fuzz_cgiw_wire.t
t_fuzz_fuzz_cgiw_wire_t_SOURCES = t/fuzz/fuzz_cgiw_wire.c $(FUZZ_MAIN)
t_fuzz_fuzz_cgiw_wire_t_CPPFLAGS = $(CGIW_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/cgiw_wire"'
t_fuzz_fuzz_cgiw_wire_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_cgiw_wire_t_LDADD = libcgiw.la libomakase.la

FUZZ_TARGETS += t/fuzz/fuzz_cgiw_sites.t
t_fuzz_fuzz_cgiw_sites_t_SOURCES = t/fuzz/fuzz_cgiw_sites.c $(FUZZ_MAIN)
t_fuzz_fuzz_cgiw_sites_t_CPPFLAGS = $(CGIW_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/cgiw_sites"'
t_fuzz_fuzz_cgiw_sites_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_cgiw_sites_t_LDADD = libcgiw.la libomakase.la

if BUILD_PROVISION
FUZZ_TARGETS += t/fuzz/fuzz_customer.t
t_fuzz_fuzz_customer_t_SOURCES = t/fuzz/fuzz_customer.c $(FUZZ_MAIN)
t_fuzz_fuzz_customer_t_CPPFLAGS = $(PROVISION_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/customer"'
t_fuzz_fuzz_customer_t_CFLAGS = $(AM_CFLAGS) $(PROVISION_CFLAGS)
t_fuzz_fuzz_customer_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_customer_t_LDADD = libprovision.la libomakase.la $(PROVISION_LIBS)

FUZZ_TARGETS += t/fuzz/fuzz_mail.t
t_fuzz_fuzz_mail_t_SOURCES = t/fuzz/fuzz_mail.c $(FUZZ_MAIN)
t_fuzz_fuzz_mail_t_CPPFLAGS = $(PROVISION_CPPFLAGS) \
	-DCORPUS='"$(FUZZ_CORPUS)/mail"'
t_fuzz_fuzz_mail_t_CFLAGS = $(AM_CFLAGS) $(PROVISION_CFLAGS)
t_fuzz_fuzz_mail_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_mail_t_LDADD = libprovision.la libomakase.la $(PROVISION_LIBS)
endif

# The CGI wrapper's cores.
FUZZ_TARGETS += t/fuzz/fuzz_environ.t
t_fuzz_fuzz_environ_t_SOURCES = t/fuzz/fuzz_environ.c $(FUZZ_MAIN)
t_fuzz_fuzz_environ_t_CPPFLAGS = $(CGIW_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/environ"'
t_fuzz_fuzz_environ_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_environ_t_LDADD = libcgiw.la libomakase.la

FUZZ_TARGETS += t/fuzz/fuzz_header.t
t_fuzz_fuzz_header_t_SOURCES = t/fuzz/fuzz_header.c $(FUZZ_MAIN)
t_fuzz_fuzz_header_t_CPPFLAGS = $(CGIW_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/header"'
t_fuzz_fuzz_header_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_header_t_LDADD = libcgiw.la libomakase.la

FUZZ_TARGETS += t/fuzz/fuzz_shebang.t
t_fuzz_fuzz_shebang_t_SOURCES = t/fuzz/fuzz_shebang.c $(FUZZ_MAIN)
t_fuzz_fuzz_shebang_t_CPPFLAGS = $(CGIW_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/shebang"'
t_fuzz_fuzz_shebang_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_shebang_t_LDADD = libcgiw.la libomakase.la

FUZZ_TARGETS += t/fuzz/fuzz_denied.t
t_fuzz_fuzz_denied_t_SOURCES = t/fuzz/fuzz_denied.c $(FUZZ_MAIN)
t_fuzz_fuzz_denied_t_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/denied"'
t_fuzz_fuzz_denied_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_denied_t_LDADD = libomakase.la
if BUILD_FTPACCESS
FUZZ_TARGETS += t/fuzz/fuzz_ftpaccess.t
t_fuzz_fuzz_ftpaccess_t_SOURCES = t/fuzz/fuzz_ftpaccess.c $(FUZZ_MAIN)
t_fuzz_fuzz_ftpaccess_t_CPPFLAGS = -I$(srcdir)/ftpaccess $(AM_CPPFLAGS) \
	-DCORPUS='"$(FUZZ_CORPUS)/ftpaccess"'
t_fuzz_fuzz_ftpaccess_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_ftpaccess_t_LDADD = libftpaccess.la libomakase.la
endif
FUZZ_TARGETS += t/fuzz/fuzz_weblog.t
t_fuzz_fuzz_weblog_t_SOURCES = t/fuzz/fuzz_weblog.c $(FUZZ_MAIN)
t_fuzz_fuzz_weblog_t_CPPFLAGS = -I$(srcdir)/weblog $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/weblog"'
t_fuzz_fuzz_weblog_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_weblog_t_LDADD = libweblog.la libomakase.la

FUZZ_TARGETS += t/fuzz/fuzz_combined.t
t_fuzz_fuzz_combined_t_SOURCES = t/fuzz/fuzz_combined.c $(FUZZ_MAIN)
t_fuzz_fuzz_combined_t_CPPFLAGS = -I$(srcdir)/weblog $(AM_CPPFLAGS) -DCORPUS='"$(FUZZ_CORPUS)/combined"'
t_fuzz_fuzz_combined_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_combined_t_LDADD = libweblog.la libomakase.la
