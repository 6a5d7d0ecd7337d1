"""Codes of identity, cycle and ageing."""
