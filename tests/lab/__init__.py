"""A real Docker engine with images that stand in for the registry's, for the tests."""
