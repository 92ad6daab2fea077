"""Fuzzes of what comes from outside, against the real thing."""
