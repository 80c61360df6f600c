"""JSON Schemas of the messages and of ``paddock.yml``: what the parts promise each other, as package data.

Beside them stands what both sides of a binary format must have in common.
"""


def schema_text(name: str) -> str:
    """The text of the JSON Schema called `name` (``job_requested``, ``assignment``, ``config``, …).

    Raises:
        FileNotFoundError: there is no schema of this name.
    """
    return _text(f"{name}.schema.json")


def metrics_text() -> str:
    """The catalogue of metrics: a namespace, and per metric its name, unit, what it counts, and words for people."""
    return _text("metrics.json")


def example_config() -> str:
    """The text of a commented ``paddock.yml`` with every setting."""
    return _text("paddock.example.yml")


def _text(name: str) -> str:
    from importlib.resources import files  # noqa: PLC0415 - the agent, which reads none of them, starts without it

    return files(__name__).joinpath(name).read_text(encoding="utf-8")
