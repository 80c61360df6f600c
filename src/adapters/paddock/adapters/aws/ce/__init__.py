"""`RealCosts` by Cost Explorer."""

from paddock.adapters.aws.ce.explorer import ExplorerCosts

__all__ = ["ExplorerCosts"]
