"""Doing it: the sweep runner that never lies."""
