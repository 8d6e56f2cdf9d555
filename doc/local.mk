EXTRA_DIST += doc
if BUILD_COUNTER
dist_man_MANS += doc/man/mod_counter.8 doc/man/Count.cgi.8 \
	doc/man/counter.conf.5 doc/man/omakase-counter.8
endif
if BUILD_INDEX_ORDER
dist_man_MANS += doc/man/mod_index_order.8
endif
if BUILD_PHP_POOL
dist_man_MANS += doc/man/mod_php_pool.8
endif
if BUILD_CGI_WRAPPER
dist_man_MANS += doc/man/cgi-wrapper-suexec.8
dist_man_MANS += doc/man/cgi-wrapper.8
dist_man_MANS += doc/man/mod_cgi_wrapper.8
endif
dist_man_MANS += doc/man/omakase-weblog.8
if BUILD_WEBLOG
dist_man_MANS += doc/man/mod_weblog.8
endif
if BUILD_PROVISION
dist_man_MANS += doc/man/omakase.8 doc/man/omakase.conf.5 \
	doc/man/omakase-cgi.8 doc/man/omakase-customer.5 \
	doc/man/omakase-mail.5
endif
if BUILD_FTPACCESS
dist_man_MANS += doc/man/ftpaccess.1
endif
if BUILD_MOD_FTPACCESS
dist_man_MANS += doc/man/mod_ftpaccess.8
endif
