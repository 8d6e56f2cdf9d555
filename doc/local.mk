EXTRA_DIST += doc
if BUILD_INDEX_ORDER
dist_man_MANS += doc/man/mod_index_order.8
endif
