"""Codes of the evidence base."""
