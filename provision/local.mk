# The program omakase: cores as libprovision, commands and main in the program.
if BUILD_PROVISION
noinst_LTLIBRARIES += libprovision.la
endif
# Its headers have names that others have too (conf.h): its own come first.
PROVISION_CPPFLAGS = -I$(srcdir)/provision $(AM_CPPFLAGS) \
	-DOMAKASE_CONFDDIR='"$(sysconfdir)/omakase/conf.d"' \
	-DOMAKASE_LIBEXECDIR='"$(pkglibexecdir)"' \
	-DOMAKASE_MODULEDIR='"$(apachemoduledir)"' \
	-DOMAKASE_HTTPD='"$(HTTPD)"' \
	-DOMAKASE_HTTPD_MODULES='"$(APACHE_LIBEXECDIR)"' \
	-DOMAKASE_PHP_FPM='"$(PHP_FPM)"' \
	-DOMAKASE_MARIADBD='"$(MARIADBD)"'
libprovision_la_CPPFLAGS = $(PROVISION_CPPFLAGS)
libprovision_la_CFLAGS = $(CORE_CFLAGS) $(PROVISION_CFLAGS)
libprovision_la_LIBADD =
libprovision_la_SOURCES = \
	provision/conf.c provision/conf.h \
	provision/customer.c provision/customer.h \
	provision/mail.c provision/mail.h \
	provision/names.c provision/names.h \
	provision/node.c provision/node.h \
	provision/scan.c provision/scan.h
