"""What every floor may use: errors, blocks, tables, random numbers, compiled kernels."""
