"""The whole fleet in virtual time: the same use-cases and state tables, with only the ports swapped."""
