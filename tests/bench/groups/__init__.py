"""The groups of figures, one module each."""
