# For each module here: _CPPFLAGS, _CFLAGS and _LDFLAGS (from AP_LINK_FLAGS) are these.
AP_CPPFLAGS = $(AM_CPPFLAGS) $(HTTPD_CPPFLAGS)
AP_CFLAGS = $(AM_CFLAGS)
AP_LINK_FLAGS = $(AM_LDFLAGS) -module -avoid-version -shared

include modules/index_order/local.mk
include modules/counter/local.mk
