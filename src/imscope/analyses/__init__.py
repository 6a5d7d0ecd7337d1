"""Questions asked of the cells; none imports another."""
