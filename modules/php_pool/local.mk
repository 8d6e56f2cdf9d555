if BUILD_PHP_POOL
apachemodule_LTLIBRARIES += modules/php_pool/mod_php_pool.la
endif
modules_php_pool_mod_php_pool_la_SOURCES = modules/php_pool/mod_php_pool.c
modules_php_pool_mod_php_pool_la_CPPFLAGS = $(AP_CPPFLAGS)
modules_php_pool_mod_php_pool_la_CFLAGS = $(AP_CFLAGS)
modules_php_pool_mod_php_pool_la_LDFLAGS = $(AP_LINK_FLAGS) \
	-export-symbols-regex '^php_pool_module$$'
modules_php_pool_mod_php_pool_la_LIBADD = libomakase.la
