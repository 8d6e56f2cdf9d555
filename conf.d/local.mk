EXTRA_DIST += $(httpdconf_DATA)
httpdconfdir = $(sysconfdir)/omakase/conf.d/httpd
httpdconf_DATA = \
	conf.d/httpd/cgi.conf \
	conf.d/httpd/counter.conf \
	conf.d/httpd/errors.conf \
	conf.d/httpd/httpd.conf \
	conf.d/httpd/index.conf \
	conf.d/httpd/modules.conf \
	conf.d/httpd/omakase.conf \
	conf.d/httpd/php.conf \
	conf.d/httpd/phpmyadmin.conf \
	conf.d/httpd/scripts.conf \
	conf.d/httpd/site.conf \
	conf.d/httpd/ssi.conf \
	conf.d/httpd/weblog.conf

EXTRA_DIST += $(phpconf_DATA)
phpconfdir = $(sysconfdir)/omakase/conf.d/php
phpconf_DATA = \
	conf.d/php/php-fpm.conf \
	conf.d/php/pool.conf \
	conf.d/php/probe.conf

EXTRA_DIST += $(proftpdconf_DATA)
proftpdconfdir = $(sysconfdir)/omakase/conf.d/proftpd
proftpdconf_DATA = conf.d/proftpd/proftpd.conf

EXTRA_DIST += $(mariadbconf_DATA)
mariadbconfdir = $(sysconfdir)/omakase/conf.d/mariadb
mariadbconf_DATA = conf.d/mariadb/my.cnf conf.d/mariadb/omakase.cnf

EXTRA_DIST += $(phpmyadminconf_DATA)
phpmyadminconfdir = $(sysconfdir)/omakase/conf.d/phpmyadmin
phpmyadminconf_DATA = \
	conf.d/phpmyadmin/config.inc.php \
	conf.d/phpmyadmin/pool.conf \
	conf.d/phpmyadmin/prepend.php \
	conf.d/phpmyadmin/recode.php
