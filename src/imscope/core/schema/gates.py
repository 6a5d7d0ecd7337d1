"""Tables of gate design and flow cytometry."""
