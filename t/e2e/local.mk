E2E_TESTS += t/e2e/instance.t
E2E_TESTS += t/e2e/errors.t
E2E_TESTS += t/e2e/site.t
E2E_TESTS += t/e2e/promises.t
E2E_TESTS += t/e2e/bench.t
E2E_TESTS += t/root/install_packages.t
if BUILD_COUNTER
E2E_TESTS += t/e2e/counter_walk.t
endif
