EXTRA_DIST += conf.d
