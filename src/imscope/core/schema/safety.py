"""Tables of the safety screens."""
