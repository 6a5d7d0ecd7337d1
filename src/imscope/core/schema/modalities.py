"""Tables of protein, chromatin and joint neighbours."""
