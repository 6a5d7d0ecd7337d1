"""Tables of the evidence base."""
