# Error pages: one template and a table of texts, made into a file a status.
ERROR_PAGES = \
	share/error/403.var \
	share/error/404.var \
	share/error/500.var \
	share/error/503.var \
	share/error/504.var \
	share/error/507.var
MAKE_ERRORS = \
	share/error/make-pages \
	share/error/template.html \
	share/error/texts
errordir = $(pkgdatadir)/error
error_DATA = $(ERROR_PAGES)
CLEANFILES += $(ERROR_PAGES)
EXTRA_DIST += $(MAKE_ERRORS)
$(ERROR_PAGES): $(MAKE_ERRORS)
	$(AM_V_GEN)$(MKDIR_P) share/error && \
	  perl $(srcdir)/share/error/make-pages $(srcdir)/share/error \
	    `basename $@ .var` >$@.new && mv $@.new $@
