"""The steps of a run, one file each; found by name, ordered by what they need."""
