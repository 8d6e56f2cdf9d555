EXTRA_DIST += doc
dist_man_MANS += doc/man/mod_counter.8 doc/man/Count.cgi.8 \
	doc/man/counter.conf.5 doc/man/omakase-counter.8
