"""Readers and writers, with guards before every door."""
