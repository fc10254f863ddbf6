"""Tests that need root, podman and some minutes: `make test-containers` asks for them, nothing else does."""

import os

if "TEST_CONTAINERS" not in os.environ:
    collect_ignore_glob = ["test_*.py"]
