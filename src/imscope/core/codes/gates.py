"""Codes of gate design and flow cytometry."""
