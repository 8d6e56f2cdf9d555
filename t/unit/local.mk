UNIT_TESTS += t/unit/num.t
t_unit_num_t_SOURCES = t/unit/num.c
t_unit_num_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_num_t_LDADD = $(UNIT_LIBS)

UNIT_TESTS += t/unit/file.t
t_unit_file_t_SOURCES = t/unit/file.c
t_unit_file_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_file_t_LDADD = $(UNIT_LIBS)

if BUILD_COUNTER
UNIT_TESTS += t/unit/store.t
endif
t_unit_store_t_SOURCES = t/unit/store.c
t_unit_store_t_CFLAGS = $(UNIT_CFLAGS)
t_unit_store_t_LDADD = libcounter.la $(UNIT_LIBS) -lpthread
