if BUILD_CGI_WRAPPER
apachemodule_LTLIBRARIES += modules/cgi_wrapper/mod_cgi_wrapper.la
endif
modules_cgi_wrapper_mod_cgi_wrapper_la_SOURCES = \
	modules/cgi_wrapper/mod_cgi_wrapper.c \
	modules/cgi_wrapper/mod_cgi_wrapper.h \
	modules/cgi_wrapper/mod_cgi_wrapper_answer.c \
	modules/cgi_wrapper/mod_cgi_wrapper_conf.c \
	modules/cgi_wrapper/mod_cgi_wrapper_daemon.c \
	modules/cgi_wrapper/mod_cgi_wrapper_io.c \
	modules/cgi_wrapper/mod_cgi_wrapper_run.c \
	modules/cgi_wrapper/mod_cgi_wrapper_ssi.c
modules_cgi_wrapper_mod_cgi_wrapper_la_CPPFLAGS = \
	$(AP_CPPFLAGS) \
	-DCGIW_PROGRAM='"$(pkglibexecdir)/cgi-wrapper"'
modules_cgi_wrapper_mod_cgi_wrapper_la_CFLAGS = $(AP_CFLAGS)
modules_cgi_wrapper_mod_cgi_wrapper_la_LDFLAGS = $(AP_LINK_FLAGS) \
	-export-symbols-regex '^cgi_wrapper_module$$'
modules_cgi_wrapper_mod_cgi_wrapper_la_LIBADD = libcgiw.la libomakase.la
