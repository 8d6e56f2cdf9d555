E2E_TESTS += t/e2e/instance.t
E2E_TESTS += t/e2e/errors.t
E2E_TESTS += t/e2e/index_order.t
E2E_TESTS += t/e2e/site.t
E2E_TESTS += t/e2e/promises.t
E2E_TESTS += t/root/install_packages.t
