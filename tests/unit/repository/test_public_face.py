"""`paddock.core` as a user imports it."""

import subprocess
import sys

import pytest

import paddock.core
from paddock.core import ports


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


def test_the_ports_are_offered_where_they_are() -> None:
    """Every name is one that its module has, and a name that is not offered is told with those that are."""
    assert sorted(ports.__all__) == sorted(ports._MODULE_OF) == [name for name in dir(ports) if name in ports.__all__]
    for name in ports.__all__:
        assert getattr(ports, name).__module__ == ports._MODULE_OF[name]
    with pytest.raises(AttributeError, match=r"no attribute 'Qeue'; it offers .*Queue"):
        getattr(ports, "Qeue")  # noqa: B009 - as above


def test_one_port_does_not_load_the_others() -> None:
    """A webhook function that needs the clock and the end of a queue starts without the records."""
    code = "import sys, paddock.core.ports.system; print('paddock.core.ports.stores' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
