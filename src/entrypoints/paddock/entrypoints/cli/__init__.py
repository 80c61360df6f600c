"""The ``paddock`` command."""
