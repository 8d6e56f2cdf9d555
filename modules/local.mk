# For each module here: _CPPFLAGS, _CFLAGS and _LDFLAGS (from AP_LINK_FLAGS) are these.
AP_CPPFLAGS = $(AM_CPPFLAGS) $(HTTPD_CPPFLAGS)
AP_CFLAGS = $(AM_CFLAGS)
AP_LINK_FLAGS = $(AM_LDFLAGS) -module -avoid-version -shared

include modules/index_order/local.mk
include modules/counter/local.mk
include modules/php_pool/local.mk
include modules/cgi_wrapper/local.mk
include modules/weblog/local.mk

# httpd wants the .so alone; libtool would find it by the .la when it uninstalls.
install-data-hook: remove-libtool-files
remove-libtool-files:
	@for m in $(apachemodule_LTLIBRARIES); do \
	  rm -f "$(DESTDIR)$(apachemoduledir)/$${m##*/}"; \
	done
uninstall-hook: uninstall-modules
uninstall-modules:
	@for m in $(apachemodule_LTLIBRARIES); do \
	  m=$${m##*/}; rm -f "$(DESTDIR)$(apachemoduledir)/$${m%.la}.so"; \
	done
.PHONY: remove-libtool-files uninstall-modules
