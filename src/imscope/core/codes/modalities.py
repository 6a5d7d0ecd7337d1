"""Codes of protein, chromatin and joint neighbours."""
