"""Operating characteristics of the heterogeneity estimators, on data with known truth."""
