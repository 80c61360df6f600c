"""The platform of the one-machine fleet: a machine is a directory, and its agent's life is the machine's."""
