"""One configuration in, every result out; alone knows the order of steps."""
