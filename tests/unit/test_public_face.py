"""`paddock.core` as a user imports it."""

import subprocess
import sys

import pytest

import paddock.core


def test_every_name_it_offers_is_there() -> None:
    """`__all__` is sorted, complete and true."""
    assert sorted(paddock.core.__all__) == sorted(paddock.core._MODULE_OF)
    assert list(paddock.core.__all__) == sorted(paddock.core.__all__, key=lambda name: (not name.isupper(), name))
    for name in paddock.core.__all__:
        assert getattr(paddock.core, name) is not None
        assert name in dir(paddock.core)


def test_a_name_it_does_not_offer_is_told() -> None:
    """The error names what there is."""
    with pytest.raises(AttributeError, match=r"no attribute 'Flet'; it offers .*Fleet"):
        getattr(paddock.core, "Flet")  # noqa: B009 - mypy knows that it is not there


def test_one_value_does_not_load_the_whole_domain() -> None:
    """A webhook function that needs the messages starts without the use-cases."""
    code = "import sys, paddock.core.errors; print('paddock.core.fleet' in sys.modules, 'cattrs' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
