E2E_TESTS += t/e2e/instance.t
