"""Tables of surface markers, of gates on other data, and of sorting."""
