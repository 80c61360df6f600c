"""Is a fleet well? What checks find, and the judgements of what was observed that hold for any cloud."""
