"""Compiled kernels over one block of rows."""
