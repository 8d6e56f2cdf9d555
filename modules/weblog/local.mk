if BUILD_WEBLOG
apachemodule_LTLIBRARIES += modules/weblog/mod_weblog.la
endif
modules_weblog_mod_weblog_la_SOURCES = modules/weblog/mod_weblog.c
modules_weblog_mod_weblog_la_CPPFLAGS = -I$(srcdir)/weblog $(AP_CPPFLAGS)
modules_weblog_mod_weblog_la_CFLAGS = $(AP_CFLAGS)
modules_weblog_mod_weblog_la_LDFLAGS = $(AP_LINK_FLAGS) \
	-export-symbols-regex '^weblog_module$$'
modules_weblog_mod_weblog_la_LIBADD = libweblog.la
