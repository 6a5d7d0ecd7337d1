"""Statistics that several rooms need, each implemented once: arrays in, numbers out."""
