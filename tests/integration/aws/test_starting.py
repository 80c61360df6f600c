"""How the functions start: without a search for garbage, and without what most of them never do."""

import ast
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.bundle.contents import BUNDLES

HANDLERS = sorted({handler for bundle in BUNDLES for handler in bundle.handlers})
STARTING = "paddock.entrypoints.aws_lambda.starting"
RARE = ("paddock.core.costs.report", "paddock.adapters.aws.cloudwatch", "paddock.adapters.aws.pricing")

PROBE = """
import gc, json, sys
usual = gc.get_threshold()
import paddock.entrypoints.aws_lambda.starting
began = gc.get_stats()[0]["collections"]
import paddock.entrypoints.aws_lambda.{name}
print(json.dumps({{
    "searches": gc.get_stats()[0]["collections"] - began,
    "kept": gc.get_freeze_count() > len(gc.get_objects()),
    "usual": gc.isenabled() and gc.get_threshold() == usual,
    "rare": [name for name in {rare!r} if name in sys.modules],
}}))
"""


@pytest.mark.parametrize("name", ["dispatch", "webhook"])
def test_a_function_starts_without_a_search_for_garbage(name: str) -> None:
    """None is made while its imports run, nor in what they made; from then on there is one as usual."""
    code = PROBE.format(name=name, rare=RARE)
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"searches": 0, "kept": True, "usual": True, "rare": []}


@pytest.mark.parametrize("handler", HANDLERS)
def test_every_handler_begins_and_ends_so(handler: str) -> None:
    """The first of its imports, and its last statement."""
    spec = find_spec(handler)
    assert spec is not None
    assert spec.origin is not None
    first, *rest = (
        node for node in ast.parse(Path(spec.origin).read_text("utf-8")).body[1:] if not isinstance(node, ast.Assign)
    )
    assert ast.unparse(first) == f"from {STARTING} import started"
    assert ast.unparse(rest[-1]) == "started()"
