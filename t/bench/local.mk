# Measured by `make bench`; each prints lines of name, value, target and unit,
# with tabs between. BENCH="NAME..." runs some of them, RUNS=N takes N pairs.
BENCHMARKS =
BENCH_BUILT =
if BUILD_COUNTER
BENCHMARKS += t/bench/counter_hit t/bench/counter_million t/bench/counter_cgi \
	t/bench/count_cgi t/bench/counter_memory
check_LTLIBRARIES += t/bench/mod_constant.la
check_PROGRAMS += t/bench/prefill t/bench/spawn
BENCH_BUILT += t/bench/mod_constant.la t/bench/prefill t/bench/spawn
endif
if BUILD_PROVISION
BENCHMARKS += t/bench/provision
check_PROGRAMS += t/bench/host
BENCH_BUILT += t/bench/host
endif
if BUILD_MOD_FTPACCESS
BENCHMARKS += t/bench/ftpaccess
endif
if BUILD_INDEX_ORDER
BENCHMARKS += t/bench/index_order
endif

if BUILD_CGI_WRAPPER
BENCHMARKS += t/bench/cgi t/bench/cgi_neighbours t/bench/cgi_memory
EXTRA_PROGRAMS += t/bench/hello
BENCH_BUILT += t/bench/hello
endif

t_bench_hello_SOURCES = t/bench/hello.c
t_bench_hello_LDFLAGS = -all-static
BENCHMARKS += t/bench/weblog
check_PROGRAMS += t/bench/keep t/bench/deflate
BENCH_BUILT += t/bench/keep t/bench/deflate
t_bench_keep_SOURCES = t/bench/keep.c
t_bench_keep_CPPFLAGS = -I$(srcdir)/weblog $(AM_CPPFLAGS)
t_bench_keep_LDADD = libweblog.la libomakase.la $(ZLIB_LIBS)
t_bench_deflate_SOURCES = t/bench/deflate.c
t_bench_deflate_CPPFLAGS = -I$(srcdir)/weblog $(AM_CPPFLAGS)
t_bench_deflate_LDADD = $(ZLIB_LIBS)

t_bench_mod_constant_la_SOURCES = t/bench/mod_constant.c
t_bench_mod_constant_la_CPPFLAGS = $(AP_CPPFLAGS)
t_bench_mod_constant_la_CFLAGS = $(AP_CFLAGS)
t_bench_mod_constant_la_LDFLAGS = $(AP_LINK_FLAGS) -rpath /nowhere

t_bench_prefill_SOURCES = t/bench/prefill.c
t_bench_prefill_LDADD = libcounter.la libomakase.la $(SODIUM_LIBS)

t_bench_spawn_SOURCES = t/bench/spawn.c
t_bench_spawn_LDADD = libomakase.la

t_bench_host_SOURCES = t/bench/host.c
t_bench_host_CFLAGS = $(AM_CFLAGS) $(PROVISION_CFLAGS)
t_bench_host_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_bench_host_LDADD = libprovision.la libomakase.la $(PROVISION_LIBS)

bench: all $(BENCH_BUILT)
	@PERL5LIB=$(abs_top_srcdir)/t/lib BENCH='$(BENCH)' RUNS='$(RUNS)' \
	  perl $(srcdir)/t/bench/run --builddir=. --srcdir=$(srcdir) \
	  $(BENCHMARKS:%=$(srcdir)/%)
.PHONY: bench
EXTRA_DIST += t/bench/run t/bench/visitors.lua $(BENCHMARKS)
