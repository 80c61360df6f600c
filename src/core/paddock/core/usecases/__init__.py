"""What the fleet does, one module per use-case: observe through ports, decide in a pure function, act through ports."""
