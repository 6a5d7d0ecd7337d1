"""How varied the cells of a lot are, and where the variation comes from."""
