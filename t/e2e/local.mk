E2E_TESTS += t/e2e/instance.t
E2E_TESTS += t/e2e/errors.t
E2E_TESTS += t/e2e/index_order.t
E2E_TESTS += t/e2e/site.t
E2E_TESTS += t/e2e/promises.t
E2E_TESTS += t/e2e/admin.t
E2E_TESTS += t/e2e/pages.t
E2E_TESTS += t/e2e/bench.t
E2E_TESTS += t/root/install_packages.t

# The counter, also under hard conditions.
if BUILD_COUNTER
E2E_TESTS += t/e2e/counter.t
E2E_TESTS += t/e2e/counter_walk.t
E2E_TESTS += t/e2e/counter_cgi.t
E2E_TESTS += t/e2e/counter_conf.t
E2E_TESTS += t/e2e/counter_damage.t
E2E_TESTS += t/e2e/counter_designs.t
E2E_TESTS += t/e2e/counter_disk.t
E2E_TESTS += t/e2e/counter_exact.t
E2E_TESTS += t/e2e/counter_kill.t
E2E_TESTS += t/e2e/counter_memory.t
E2E_TESTS += t/e2e/counter_proxy.t
E2E_TESTS += t/e2e/counter_requests.t
E2E_TESTS += t/e2e/counter_restart.t
check_PROGRAMS += t/e2e/store_tool
t_e2e_store_tool_SOURCES = t/e2e/store_tool.c
t_e2e_store_tool_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/counter
t_e2e_store_tool_CFLAGS = $(AM_CFLAGS)
t_e2e_store_tool_LDADD = libcounter.la libomakase.la $(SODIUM_LIBS) -lpthread
endif
EXTRA_DIST += t/bench/counter_memory

# The header of scripts' answers, against httpd.
E2E_TESTS += t/e2e/cgi_header.t
check_PROGRAMS += t/e2e/header_tool
t_e2e_header_tool_SOURCES = t/e2e/header_tool.c
t_e2e_header_tool_CPPFLAGS = $(CGIW_CPPFLAGS)
t_e2e_header_tool_CFLAGS = $(AM_CFLAGS)
t_e2e_header_tool_LDADD = libcgiw.la libomakase.la

E2E_TESTS += t/e2e/bootstrap.t
E2E_TESTS += t/e2e/sanitized.t
E2E_TESTS += t/e2e/stock.t
E2E_TESTS += t/e2e/security.t
E2E_TESTS += t/e2e/with_modules.t

# The CGI wrapper's daemon, as a program; what it does: t/unit/cgiw_daemon.t.
if BUILD_CGI_WRAPPER
E2E_TESTS += t/e2e/cgi_wrapper.t
endif

# The settings sheet and the mailboxes' file.
if BUILD_PROVISION
E2E_TESTS += t/e2e/sheet.t
endif

# MariaDB and phpMyAdmin.
if BUILD_PROVISION
E2E_TESTS += t/e2e/database.t
E2E_TESTS += t/e2e/phpmyadmin.t
check_PROGRAMS += t/e2e/database_tool
t_e2e_database_tool_SOURCES = t/e2e/database_tool.c
t_e2e_database_tool_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_e2e_database_tool_CFLAGS = $(AM_CFLAGS) $(PROVISION_CFLAGS)
t_e2e_database_tool_LDADD = libprovision.la libomakase.la $(PROVISION_LIBS)
endif
E2E_TESTS += t/e2e/provision.t
E2E_TESTS += t/e2e/check.t
E2E_TESTS += t/e2e/cgi_operator.t
E2E_TESTS += t/e2e/provision_kill.t
E2E_TESTS += t/e2e/provision_life.t
E2E_TESTS += t/root/ftp.t
E2E_TESTS += t/root/hostile.t
E2E_TESTS += t/root/cgi_programs.t
EXTRA_DIST += t/kill_at.c

if BUILD_PHP_POOL
E2E_TESTS += t/e2e/php.t
E2E_TESTS += t/e2e/php_attack.t
E2E_TESTS += t/e2e/php_alone.t
endif

if BUILD_CGI_WRAPPER
E2E_TESTS += t/e2e/cgi.t
E2E_TESTS += t/e2e/cgi_alone.t
E2E_TESTS += t/e2e/cgi_cases.t
E2E_TESTS += t/e2e/cgi_config.t
E2E_TESTS += t/e2e/cgi_duplex.t
E2E_TESTS += t/e2e/cgi_http2.t
E2E_TESTS += t/e2e/cgi_limits.t
E2E_TESTS += t/e2e/cgi_memory.t
E2E_TESTS += t/e2e/cgi_restart.t
E2E_TESTS += t/e2e/cgi_sanitized.t
E2E_TESTS += t/e2e/cgi_ssi.t
E2E_TESTS += t/root/cgi_suexec.t
endif

# What one customer tries on another through the CGI wrapper.
if BUILD_CGI_WRAPPER
E2E_TESTS += t/root/cgi_attack_target.t
E2E_TESTS += t/root/cgi_attack_process.t
E2E_TESTS += t/root/cgi_attack_worker.t
E2E_TESTS += t/root/cgi_attack_limits.t
if BUILD_PROVISION
E2E_TESTS += t/root/cgi_attack_http.t
endif
endif

# .ftpaccess: against the real server, and our module in it.
if BUILD_FTPACCESS
E2E_TESTS += t/e2e/ftpaccess.t
E2E_TESTS += t/e2e/ftpaccess_stock.t
endif
if BUILD_MOD_FTPACCESS
E2E_TESTS += t/e2e/ftpaccess_module.t
endif

# The access log.
if BUILD_WEBLOG
E2E_TESTS += t/e2e/weblog.t
E2E_TESTS += t/e2e/weblog_disk.t
E2E_TESTS += t/e2e/weblog_lost.t
E2E_TESTS += t/root/weblog.t
endif
