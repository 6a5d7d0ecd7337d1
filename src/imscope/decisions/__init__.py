"""Release and manufacture; neither imports the other."""
