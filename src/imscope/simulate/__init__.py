"""Data with known truth. Never reachable from an estimator."""
