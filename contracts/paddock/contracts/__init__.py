"""JSON Schemas of the messages and of ``paddock.yml``: what the parts promise each other, as package data."""

from importlib.resources import files


def schema_text(name: str) -> str:
    """The text of the JSON Schema called `name` (``job_requested``, ``assignment``, ``config``, …).

    Raises:
        FileNotFoundError: there is no schema of this name.
    """
    return files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")


def metrics_text() -> str:
    """The catalogue of metrics: a namespace, and per metric its name, unit, what it counts, and words for people."""
    return files(__name__).joinpath("metrics.json").read_text(encoding="utf-8")


def example_config() -> str:
    """The text of a commented ``paddock.yml`` with every setting."""
    return files(__name__).joinpath("paddock.example.yml").read_text(encoding="utf-8")
