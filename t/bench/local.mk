EXTRA_DIST += t/bench/index_order
