# Everything speaks TAP. `make check` builds, installs into a private stage
# (OMAKASE_STAGE) what the end-to-end tests start, and hands all to prove.
EXTRA_DIST += t/lib
EXTRA_DIST += $(E2E_TESTS)
check_PROGRAMS += $(UNIT_TESTS)

UNIT_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
UNIT_LIBS = libomakase.la $(CMOCKA_LIBS)

include t/unit/local.mk
include t/e2e/local.mk
include t/fuzz/local.mk
include t/bench/local.mk
include t/sanitize/local.mk

check-local: $(check_PROGRAMS) $(SANITIZED_BUILDS)
	$(srcdir)/t/run-tests --builddir=. --srcdir=$(srcdir) \
	  $(UNIT_TESTS) $(SANITIZED_TESTS) $(E2E_TESTS:%=$(srcdir)/%)
EXTRA_DIST += t/README.md t/run-tests t/instance

# Installs below STAGE and writes STAGE/layout: where a stage has its things.
# By a link: libtool takes no DESTDIR with blanks.
stage:
	@test -n "$(STAGE)" || { echo 'make stage STAGE=DIR' >&2; exit 1; }
	@$(MKDIR_P) "$(STAGE)" && stage=`cd "$(STAGE)" && pwd` && link=`mktemp -d` && \
	ln -s "$$stage" $$link/stage && \
	{ $(MAKE) -s install DESTDIR=$$link/stage; rc=$$?; rm -r $$link; exit $$rc; }
	@stage=`cd "$(STAGE)" && pwd`; \
	{ echo "confd=$$stage$(sysconfdir)/omakase/conf.d"; \
	  echo "share=$$stage$(pkgdatadir)"; \
	  echo "lib=$$stage$(pkglibdir)"; \
	  echo "libexec=$$stage$(pkglibexecdir)"; \
	  echo "bin=$$stage$(bindir)"; \
	  echo "sbin=$$stage$(sbindir)"; \
	  echo "man=$$stage$(mandir)"; \
	  echo "modules=$$stage$(apachemoduledir)"; \
	  echo "proftpd_modules=$$stage$(proftpdmoduledir)"; \
	  echo 'httpd=$(HTTPD)'; \
	  echo 'httpd_modules=$(APACHE_LIBEXECDIR)'; \
	} >"$(STAGE)/layout"
.PHONY: stage

# The README's pictures, from the sample site in headless Chromium.
screenshot: all
	@$(MKDIR_P) $(srcdir)/doc/images
	@OMAKASE_BUILDDIR=. perl -I$(srcdir)/t/lib $(srcdir)/t/screenshot \
	  $(srcdir)/doc/images

# Each promise of the manual's with the tests that prove it; fails where a
# promise that is built has none.
promises:
	@perl $(srcdir)/t/promises $(srcdir)
.PHONY: screenshot promises
EXTRA_DIST += t/screenshot t/promises t/uml
