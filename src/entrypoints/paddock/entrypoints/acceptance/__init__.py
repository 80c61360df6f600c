"""The acceptance of an environment: real workflows on it, gates that judge what came of them, a report."""
