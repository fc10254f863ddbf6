"""Tests that need root, podman and some minutes. Only `make test-containers` runs them."""

import os

if "TEST_CONTAINERS" not in os.environ:
    collect_ignore_glob = ["test_*.py"]
