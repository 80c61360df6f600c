"""From a tree of the right shape to values, with the checks that no schema can make.

Each part is built by itself: a part that the schema has complained about is passed over, so that one mistake is told
once and all others are told with it.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path as FilePath
from typing import cast

from paddock.adapters.config.amounts import dollars
from paddock.adapters.config.pools import pools_of
from paddock.adapters.config.problems import Path, Problem, shown
from paddock.adapters.config.secrets import SecretRef
from paddock.adapters.config.sound import SoundTree
from paddock.adapters.config.specs import named_specs, not_there
from paddock.adapters.config.tree import Tree
from paddock.adapters.config.values import AppConfig, Config, GitHubConfig, Hook, LocalConfig, RunnerPin, SlackConfig
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.slack_address import BASE
from paddock.core.circuit import CircuitPolicy
from paddock.core.costs.policy import CostPolicy
from paddock.core.environment import Environments
from paddock.core.errors import InvalidInput
from paddock.core.labels import parse_labels
from paddock.core.pools.pool import Pool
from paddock.core.rerun import RerunPolicy
from paddock.core.retry import RetryPolicy
from paddock.core.settings import Alias, Deadlines, FleetSettings, ForkPolicy, Limits, ScopeKind
from paddock.core.spec import RunnerSpec
from paddock.core.task import EVERY
from paddock.core.units import MINUTE, Span
from paddock.core.wallclock import minutes_of, zone_of

HOSTED = ("ubuntu-latest", "windows-latest", "macos-latest")
"""Labels that GitHub's own runners serve: an alias that claims them takes over jobs that nobody meant to move."""


_LAST_PORT = 65_535
_NUMBERS = re.compile(r"[0-9.]+")  # no name of a machine ends in a number, so these are meant to be an address


class Builder:
    """One building; ``problems`` grow while it goes on."""

    def __init__(self, tree: Tree, file: FilePath, breaches: Sequence[tuple[Path, Problem]]) -> None:
        """Args: the tree, where it comes from, and what the schema says against it."""
        self._parts = SoundTree(tree, breaches)
        self.problems = self._parts.problems
        self._get, self._sound, self._refuse = self._parts.get, self._parts.sound, self._parts.refuse
        self._tree = tree
        self._file = file

    def config(self, environ: Mapping[str, str] | None) -> Config | None:
        """The values; None if there is any problem."""
        settings, local, github = self._settings(), self._local(), self._github()
        if environ is not None:
            self._check_secrets(environ, github)
        if self.problems or github is None:
            return None
        return Config(self._file, github, settings, local, self._slack())

    def _span(self, section: str, name: str, default: Span, *, none: bool = False) -> Span:
        """The span at `name` in the section; at the section itself if the name is empty. It may be 0 if `none`."""
        return self._parts.span((section, name) if name else (section,), default, none=none)

    # The parts

    def _settings(self) -> FleetSettings:
        specs = named_specs(self._parts)
        pools = pools_of(self._parts, specs)
        return FleetSettings(
            repositories=tuple(self._get("github", "repositories", default=())),
            forks=ForkPolicy(self._get("github", "forks", default="refuse")),
            scope=ScopeKind(self._get("github", "scope", default="repository")),
            runner_group=self._get("github", "runner_group", default=1),
            specs=specs,
            pools=pools,
            aliases=self._aliases(specs, pools),
            environments=self._environments(),
            limits=self._limits(),
            deadlines=self._deadlines(),
            retry=self._retry(),
            circuit=self._circuit(),
            rerun=self._rerun(),
            housekeeping=self._housekeeping(),
            costs=self._costs(),
            shortage=self._span("shortage", "", 3 * MINUTE),
            cancel_run_on_reject=self._get("github", "cancel_run_on_reject", default=False),
            registration_tokens=self._get("github", "registration_tokens", default=True),
        )

    def _housekeeping(self) -> dict[str, Span]:
        return {name: self._span("housekeeping", name, EVERY[name]) for name in self._parts.mapping("housekeeping")}

    def _costs(self) -> CostPolicy:
        usual = CostPolicy()
        zone, at = self._get("costs", "zone", default=usual.zone), self._get("costs", "at")
        try:
            zone_of(zone)
        except InvalidInput as error:
            self._refuse(("costs", "zone"), shown(zone), error.remedy)
        live = self._get("costs", "live", default=usual.live)
        bill = self._get("costs", "bill", default=usual.bill)
        return CostPolicy(usual.at if at is None else minutes_of(at), zone, live, bill)

    def _aliases(self, specs: Mapping[str, RunnerSpec], pools: Mapping[str, Pool]) -> tuple[Alias, ...]:
        aliases: list[Alias] = []
        for index in range(len(self._get("aliases", default=()))):
            if not self._sound("aliases", index):
                continue
            alias = Alias(self._get("aliases", index, "match"), self._get("aliases", index, "runs_on"))
            claimed = next((label for label in HOSTED if fnmatchcase(label, alias.match.casefold())), None)
            if claimed is not None:
                self._refuse(
                    ("aliases", index, "match"),
                    shown(alias.match),
                    f"would claim {claimed}, which GitHub's own runners serve: be narrower",
                )
            try:
                parse_labels([alias.runs_on], specs, pools=pools)
            except InvalidInput as error:
                section = {"runner": "runners", "pool": "pools"}.get(error.field)
                if section is None or not_there(self._parts, section, str(error.value)):
                    self._refuse(
                        ("aliases", index, "runs_on"),
                        shown(alias.runs_on),
                        f"{error.field}={error.value} {error.remedy}" if error.field != "runs-on" else error.remedy,
                    )
            aliases.append(alias)
        return tuple(aliases)

    def _environments(self) -> Environments:
        usual, others = Environments(), self._get("environments", "others")
        unnamed = self._get("environments", "unnamed", default=usual.unnamed)
        return Environments(unnamed, usual.others if others is None else tuple(others))

    def _limits(self) -> Limits:
        amount = cast("str | int | Decimal | None", self._get("limits", "spend_per_day_usd"))
        spend = None if amount is None else dollars(amount)
        if amount is not None and spend is None:
            self._refuse(
                ("limits", "spend_per_day_usd"), shown(amount), "is finer than a millionth of a dollar: write 12.50"
            )
        return Limits(
            machines=self._get("limits", "machines"),
            vcpu=self._get("limits", "vcpu"),
            machines_per_repository=self._get("limits", "machines_per_repository"),
            launches_per_minute=self._get("limits", "launches_per_minute"),
            spend_per_day=spend,
        )

    def _deadlines(self) -> Deadlines:
        usual = Deadlines()
        return Deadlines(
            lease=self._span("deadlines", "lease", usual.lease),
            boot=self._span("deadlines", "boot", usual.boot),
            idle=self._span("deadlines", "idle", usual.idle),
            runtime=self._span("deadlines", "runtime", usual.runtime),
            silence=self._span("deadlines", "silence", usual.silence),
            queue=self._span("deadlines", "queue", usual.queue),
            drain=self._span("deadlines", "drain", usual.drain),
            orphan=self._span("deadlines", "orphan", usual.orphan),
            retry_admission=self._span("deadlines", "retry_admission", usual.retry_admission),
            word=self._span("deadlines", "word", usual.word),
        )

    def _retry(self) -> RetryPolicy:
        usual = RetryPolicy()
        return RetryPolicy(
            max_launches=self._get("retry", "max_launches", default=usual.max_launches),
            backoff=self._span("retry", "backoff", usual.backoff),
        )

    def _circuit(self) -> CircuitPolicy:
        usual = CircuitPolicy()
        return CircuitPolicy(
            threshold=self._get("circuit", "threshold", default=usual.threshold),
            window=self._span("circuit", "window", usual.window),
            cool_down=self._span("circuit", "cool_down", usual.cool_down),
            max_cool_down=self._span("circuit", "max_cool_down", usual.max_cool_down),
            zone_types=self._get("circuit", "zone_types", default=usual.zone_types),
            probe=self._span("circuit", "probe", usual.probe),
            avoid=self._span("circuit", "avoid", usual.avoid, none=True),
        )

    def _rerun(self) -> RerunPolicy:
        usual = RerunPolicy()
        return RerunPolicy(
            most=self._get("rerun", "most", default=usual.most),
            deployments=self._get("rerun", "deployments", default=usual.deployments),
            on_demand=self._get("rerun", "on_demand", default=usual.on_demand),
        )

    def _github(self) -> GitHubConfig | None:
        url = self._get("github", "url", default="https://github.com")
        try:
            endpoints_of(url)
        except InvalidInput as error:
            self._refuse(("github", "url"), shown(url), error.remedy)
        if not self._sound("github"):
            return None
        secrets = self._get("github", "webhook_secret")
        many = isinstance(secrets, list)
        return GitHubConfig(
            url=url,
            webhook_secrets=tuple(
                self._secret("github", "webhook_secret", *at)
                for at in ([(i,) for i in range(len(secrets))] if many else [()])
            ),
            app=self._app(),
            token=self._secret("github", "token") if self._get("github", "token") is not None else None,
            hooks=tuple(Hook(hook["target"], hook["id"]) for hook in self._get("github", "hooks", default=())),
        )

    def _app(self) -> AppConfig | None:
        app = self._get("github", "app")
        if app is None:
            return None
        return AppConfig(str(app["id"]), self._secret("github", "app", "private_key"), app.get("installation_id"))

    def _secret(self, *path: str | int) -> SecretRef:
        place = self._get(*path)
        field = self._tree.problem(path, "", "").field
        return SecretRef(field, place["env"]) if "env" in place else SecretRef(field, file=self._beside(place["file"]))

    def _slack(self) -> SlackConfig | None:
        if self._get("slack") is None:
            return None
        return SlackConfig(self._secret("slack", "webhook"), self._get("slack", "base", default=BASE))

    def _check_secrets(self, environ: Mapping[str, str], github: GitHubConfig | None) -> None:
        slack = self._slack() if self._sound("slack") else None
        for read in [*([] if github is None else github.readers), *([] if slack is None else [slack.address])]:
            try:
                read(environ)
            except InvalidInput as error:
                where = next(
                    path for path in self._tree.values if self._tree.problem(path, "", "").field == error.field
                )
                self._refuse(where, str(error.value), error.remedy)

    def _local(self) -> LocalConfig:
        host, port = self._listen()
        pin = self._get("local", "runner") if self._sound("local", "runner") else None
        return LocalConfig(
            host=host,
            port=port,
            state=self._beside(self._get("local", "state", default="./paddock-state")),
            slots=self._get("local", "slots", default=4),
            runner=None if pin is None else RunnerPin(pin["version"], pin["sha256"]),
            reconcile=self._span("local", "reconcile", MINUTE),
        )

    def _listen(self) -> tuple[str, int]:
        host, _, port = self._get("local", "listen", default="127.0.0.1:8080").rpartition(":")
        bare = host.strip("[]")
        if int(port) > _LAST_PORT:
            self._refuse(("local", "listen"), shown(self._get("local", "listen")), "has a port above 65535")
        elif (bare != host or _NUMBERS.fullmatch(host)) and not _is_address(bare):
            remedy = f"{bare} is no IP address: write one of this machine's, such as 127.0.0.1:{port}"
            self._refuse(("local", "listen"), shown(self._get("local", "listen")), remedy)
        return bare, int(port)

    def _beside(self, path: str) -> FilePath:
        """A path of the file, from the folder that the file is in."""
        return (self._file.parent / FilePath(path).expanduser()).resolve()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
