"""Quality control, standard path, sufficient statistics: everything that touches every count."""
