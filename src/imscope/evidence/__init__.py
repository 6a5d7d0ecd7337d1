"""Curated knowledge, each record with its DOI."""
