"""Codes of the safety screens."""
