if BUILD_COUNTER
apachemodule_LTLIBRARIES += modules/counter/mod_counter.la
endif
modules_counter_mod_counter_la_SOURCES = modules/counter/mod_counter.c
modules_counter_mod_counter_la_CPPFLAGS = $(AP_CPPFLAGS)
modules_counter_mod_counter_la_CFLAGS = $(AP_CFLAGS)
modules_counter_mod_counter_la_LDFLAGS = $(AP_LINK_FLAGS) \
	-export-symbols-regex '^counter_module$$'
modules_counter_mod_counter_la_LIBADD = \
	libcounter.la libomakase.la $(GIF_LIBS) $(SODIUM_LIBS)
