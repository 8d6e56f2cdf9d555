UNIT_TESTS += t/unit/num.t
t_unit_num_t_SOURCES = t/unit/num.c
t_unit_num_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_num_t_LDADD = $(UNIT_LIBS)

UNIT_TESTS += t/unit/file.t
t_unit_file_t_SOURCES = t/unit/file.c
t_unit_file_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_file_t_LDADD = $(UNIT_LIBS)

# The counter's cores.
if BUILD_COUNTER
COUNTER_UNIT_LIBS = libcounter.la $(UNIT_LIBS) $(SODIUM_LIBS)

UNIT_TESTS += t/unit/query.t
t_unit_query_t_SOURCES = t/unit/query.c
t_unit_query_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_query_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/text.t
t_unit_text_t_SOURCES = t/unit/text.c
t_unit_text_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_text_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/referrer.t
t_unit_referrer_t_SOURCES = t/unit/referrer.c
t_unit_referrer_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_referrer_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/visitor.t
t_unit_visitor_t_SOURCES = t/unit/visitor.c
t_unit_visitor_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_visitor_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/store.t
t_unit_store_t_SOURCES = t/unit/store.c
t_unit_store_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_store_t_LDADD = $(COUNTER_UNIT_LIBS) -lpthread

UNIT_TESTS += t/unit/site.t
t_unit_site_t_SOURCES = t/unit/site.c
t_unit_site_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_site_t_LDADD = $(COUNTER_UNIT_LIBS)

UNIT_TESTS += t/unit/conf.t
t_unit_conf_t_SOURCES = t/unit/conf.c
t_unit_conf_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_conf_t_LDADD = $(COUNTER_UNIT_LIBS)
endif

# The program omakase's cores.
if BUILD_PROVISION
PROVISION_UNIT_LIBS = libprovision.la $(UNIT_LIBS) $(PROVISION_LIBS)
PROVISION_UNIT_CFLAGS = $(UNIT_CFLAGS) $(PROVISION_CFLAGS)

UNIT_TESTS += t/unit/names.t
t_unit_names_t_SOURCES = t/unit/names.c
t_unit_names_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_names_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_names_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/node.t
t_unit_node_t_SOURCES = t/unit/node.c
t_unit_node_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_node_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_node_t_LDADD = $(PROVISION_UNIT_LIBS)

UNIT_TESTS += t/unit/customer.t
t_unit_customer_t_SOURCES = t/unit/customer.c
t_unit_customer_t_CFLAGS = $(PROVISION_UNIT_CFLAGS)
t_unit_customer_t_CPPFLAGS = $(PROVISION_CPPFLAGS)
t_unit_customer_t_LDADD = $(PROVISION_UNIT_LIBS)
endif
