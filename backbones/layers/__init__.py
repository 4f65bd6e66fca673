"""Pieces that more than one backbone uses."""
