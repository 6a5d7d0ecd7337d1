"""Release: tolerance, equivalence, charts, specifications, certificates; people release lots."""
