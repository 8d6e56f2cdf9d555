if BUILD_INDEX_ORDER
apachemodule_LTLIBRARIES += modules/index_order/mod_index_order.la
endif
modules_index_order_mod_index_order_la_SOURCES = \
	modules/index_order/mod_index_order.c \
	modules/index_order/mod_index_order_map.c \
	modules/index_order/mod_index_order_map.h \
	modules/index_order/mod_index_order_memory.c \
	modules/index_order/mod_index_order_memory.h
modules_index_order_mod_index_order_la_CPPFLAGS = $(AP_CPPFLAGS)
modules_index_order_mod_index_order_la_CFLAGS = $(AP_CFLAGS)
modules_index_order_mod_index_order_la_LDFLAGS = $(AP_LINK_FLAGS) \
	-export-symbols-regex '^index_order_module$$'
