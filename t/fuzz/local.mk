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

if BUILD_FTPACCESS
FUZZ_TARGETS += t/fuzz/fuzz_ftpaccess.t
t_fuzz_fuzz_ftpaccess_t_SOURCES = t/fuzz/fuzz_ftpaccess.c $(FUZZ_MAIN)
t_fuzz_fuzz_ftpaccess_t_CPPFLAGS = -I$(srcdir)/ftpaccess $(AM_CPPFLAGS) \
	-DCORPUS='"$(FUZZ_CORPUS)/ftpaccess"'
t_fuzz_fuzz_ftpaccess_t_LDFLAGS = $(FUZZ_LDFLAGS)
t_fuzz_fuzz_ftpaccess_t_LDADD = libftpaccess.la libomakase.la
endif

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
