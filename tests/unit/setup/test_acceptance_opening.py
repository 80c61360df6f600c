"""What an acceptance is opened with: a paddock.yml of a fleet that may be thrown away."""

from pathlib import Path

import attrs
import pytest

from paddock.adapters.config import load
from paddock.core.errors import InvalidInput
from paddock.core.units import money_text
from paddock.entrypoints.aws_acceptance.opening import Wish, bound, checked_config, fleets
from paddock.entrypoints.aws_stack.settings import stack_settings

OWN = """\
version: 1
github: {webhook_secret: {env: HOOK_SECRET}, token: {env: GITHUB_TOKEN}, repositories: [Acme/shop]}
environments: {unnamed: false}
limits: {machines: 12, spend_per_day_usd: 5}
"""


def checked(folder: Path, text: str) -> None:
    """What is said of this paddock.yml."""
    (folder / "paddock.yml").write_text(text, encoding="utf-8")
    checked_config(load(folder / "paddock.yml"), "acme/shop")


@pytest.mark.parametrize(
    ("old", "new", "field", "line"),
    [
        ("[Acme/shop]", "[acme/*]", "github.repositories", "repositories: [acme/shop]"),
        ("[Acme/shop]", "[acme/shop, acme/site]", "github.repositories", "repositories: [acme/shop]"),
        ("environments: {unnamed: false}\n", "", "environments.unnamed", "environments: {unnamed: false}"),
        ("version: 1\n", "version: 1\npools: {warm: {machine: {cpu: 2}, hot: 1}}\n", "pools", "pools:"),
        ("machines: 12, ", "", "limits.machines", "machines: 12"),
        (", spend_per_day_usd: 5", "", "limits.spend_per_day_usd", "spend_per_day_usd: 5"),
    ],
)
def test_a_fleet_that_takes_other_jobs_is_not_thrown_away(
    tmp_path: Path, old: str, new: str, field: str, line: str
) -> None:
    """Its removal would kill them: the error names the field and the line to write."""
    checked(tmp_path, OWN)
    assert old in OWN
    with pytest.raises(InvalidInput) as refused:
        checked(tmp_path, OWN.replace(old, new))
    assert refused.value.field == field
    assert f"`{line}`" in str(refused.value)


def test_the_plan_names_what_bounds_the_fleet(tmp_path: Path) -> None:
    """The generated paddock.yml has what is told; of one's own it is that file's."""
    wish = Wish(repository="acme/shop", settings=stack_settings("acceptance-1", None), packages={}, token="a person's")
    config, _ = fleets(wish, {}, tmp_path)
    limits = config.settings.limits
    assert bound(wish) == f"{limits.machines} machines at once and {money_text(limits.spend_per_day or 0)} a day"
    assert bound(wish) == "12 machines at once and $5.0000 a day"
    checked_config(config, "acme/shop")
    own = tmp_path / "own.yml"
    own.write_text(OWN.replace("machines: 12", "machines: 3"), encoding="utf-8")
    assert bound(attrs.evolve(wish, config=own)).startswith("3 machines")
