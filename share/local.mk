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

# The sample customers' sites, as t/lib/Omakase/SampleSite.pm puts them in
# place: @DOMAIN@ in them is the customer's domain. Lines that link to the guest
# book go where there is no PHP to run it.
SAMPLE_SITES = \
	share/site/broken.cgi \
	share/site/contact.cgi \
	share/site/counter/index.shtml \
	share/site/en/index.html \
	share/site/guestbook.php \
	share/site/img/goods.svg \
	share/site/img/hero.svg \
	share/site/img/icon.svg \
	share/site/index.html \
	share/site/news.shtml \
	share/site/parts/foot.shtml \
	share/site/parts/head.shtml \
	share/site/parts/tag.shtml \
	share/site/shop/home.shtml \
	share/site/style.css \
	share/site/today.cgi \
	share/site2/index.htm
EXTRA_DIST += $(SAMPLE_SITES)
install-data-local: install-sample-sites install-designs
install-sample-sites:
	@for f in $(SAMPLE_SITES); do \
	  to="$(DESTDIR)$(pkgdatadir)/$${f#share/}"; \
	  $(MKDIR_P) "$${to%/*}" && \
	  $(INSTALL_DATA) "$(srcdir)/$$f" "$$to" || exit 1; \
	done
uninstall-local: uninstall-sample-sites uninstall-designs
uninstall-sample-sites:
	@for f in $(SAMPLE_SITES); do \
	  rm -f "$(DESTDIR)$(pkgdatadir)/$${f#share/}"; \
	done
.PHONY: install-sample-sites uninstall-sample-sites

# The five designs, drawn by a program.
if BUILD_COUNTER
DESIGN_STRIPS = \
	share/designs/A/strip.gif \
	share/designs/B/strip.gif \
	share/designs/C/strip.gif \
	share/designs/D/strip.gif \
	share/designs/E/strip.gif
noinst_PROGRAMS += share/designs/mkdesigns
else
DESIGN_STRIPS =
endif
share_designs_mkdesigns_SOURCES = share/designs/mkdesigns.c
share_designs_mkdesigns_CFLAGS = $(CORE_CFLAGS)
share_designs_mkdesigns_LDADD = libcounter.la
noinst_DATA = $(DESIGN_STRIPS)
CLEANFILES += $(DESIGN_STRIPS)
$(DESIGN_STRIPS): share/designs/mkdesigns$(EXEEXT)
	$(AM_V_GEN)d=$@ && d=$${d%/*} && $(MKDIR_P) $$d && \
	  share/designs/mkdesigns$(EXEEXT) $${d##*/} >$@.new && mv $@.new $@
install-designs: $(DESIGN_STRIPS)
	@for f in $(DESIGN_STRIPS); do \
	  to="$(DESTDIR)$(pkgdatadir)/$${f#share/}"; \
	  $(MKDIR_P) "$${to%/*}" && $(INSTALL_DATA) "$$f" "$$to" || exit 1; \
	done
# For the operator's pictures (image=).
	@test -z "$(DESIGN_STRIPS)" || $(MKDIR_P) "$(DESTDIR)$(pkgdatadir)/images"
uninstall-designs:
	@for f in $(DESIGN_STRIPS); do \
	  rm -f "$(DESTDIR)$(pkgdatadir)/$${f#share/}"; \
	done
.PHONY: install-designs uninstall-designs

# The settings sheet: its page, and its words in each language.
SHEET = \
	share/sheet/en.texts \
	share/sheet/ja.texts \
	share/sheet/sheet.html
EXTRA_DIST += $(SHEET)
if BUILD_PROVISION
sheetdir = $(pkgdatadir)/sheet
sheet_DATA = $(SHEET)
endif

# PHP that runs as CGI.
phpcgidir = $(pkgdatadir)/php-cgi
phpcgi_DATA = share/php-cgi/omakase.ini
EXTRA_DIST += $(phpcgi_DATA)
