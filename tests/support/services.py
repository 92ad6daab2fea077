"""The processes that a test has started, kept with the test: their logs are shown if it fails."""

import pytest

from stockstream.local.part import Part

# In a module of its own: under pytest's importlib mode a conftest that others import is loaded
# twice, and a key made there would be two keys.
SERVICES = pytest.StashKey[list[Part]]()
