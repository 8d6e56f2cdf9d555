# The same tree once more, under sanitizers: sanitize/asan has ASan and UBSan,
# sanitize/tsan has TSan. Both stay for the next `make check`, which builds in
# them only what has changed. configure --disable-sanitized-check does without.
if SANITIZED_CHECK
SANITIZED_BUILDS = sanitized-asan sanitized-tsan
SANITIZED_TESTS = $(UNIT_TESTS:%=sanitize/asan/%) \
	$(THREADED_TESTS:%=sanitize/tsan/%)
endif

# Configured as this build is, but for the sanitizer.
sanitize/asan/config.status sanitize/tsan/config.status: config.status
	@case $@ in \
	  */asan/*) list=address,undefined ;; \
	  */tsan/*) list=thread ;; \
	esac; \
	eval "set x `./config.status --config`"; shift; \
	$(MKDIR_P) $(@D) && cd $(@D) && $(SHELL) '$(abs_srcdir)/configure' -q "$$@" \
	  --enable-sanitize=$$list --disable-sanitized-check

sanitized-asan: sanitize/asan/config.status
	@$(MAKE) -s -C sanitize/asan check-programs
sanitized-tsan: sanitize/tsan/config.status
	@$(MAKE) -s -C sanitize/tsan $(THREADED_TESTS)
.PHONY: sanitized-asan sanitized-tsan

# All that a check starts, without starting it.
check-programs: all
	@$(MAKE) -s $(check_PROGRAMS)
.PHONY: check-programs

clean-local: clean-sanitize
clean-sanitize:
	rm -rf sanitize
.PHONY: clean-sanitize
