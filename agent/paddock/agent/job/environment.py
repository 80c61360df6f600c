"""The Listener's environment: explicit, complete, and nothing of the agent's own. The job's steps inherit all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paddock.agent.machine.users import User, own_user
from paddock.agent.settings import Settings
from paddock.agent.version import VERSION

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MARKER = "PADDOCK_MACHINE"
JIT_CONFIG = "ACTIONS_RUNNER_INPUT_JITCONFIG"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def marker(machine: str) -> str:
    """The entry that every process of this machine's job carries, so that even those that ran away are found."""
    return f"{MARKER}={machine}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the machine's settings and image say of the job's environment.

    ``user`` is the job's dedicated user, None if it runs as the agent's own; its home is the job's if it serves this
    machine `alone`: a home that several machines share would carry things from one job to the next. ``image_os`` is
    the image's name as setup actions know it (``ubuntu24``). ``proxies`` are by their names in lower case, and may hold
    credentials; the runner and all steps see them.
    """

    user: User | None = None
    alone: bool = False
    tool_cache: Path | None = None
    image_os: str = ""
    version: str = "0"
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Refuse what would reach the job as something else than it was meant.

        Raises:
            ValueError: a proxy that is none.
        """
        for name in self.proxies:
            if name not in PROXIES:
                raise ValueError(f"proxies: found {name!r}, wanted names out of {', '.join(PROXIES)}")


def surroundings_of(settings: Settings, user: User | None) -> Surroundings:
    """What the machine's settings say of the environment of a job that runs as this user."""
    return Surroundings(
        user=user,
        alone=settings.alone,
        tool_cache=settings.tool_cache,
        image_os=settings.image_os,
        version=VERSION,
        proxies=settings.proxies,
    )


def base_environment(home: Path, tmp: Path, surroundings: Surroundings | None = None) -> dict[str, str]:
    """What any program of the runner package needs. `home` is the machine's own, for a job that gets no other."""
    of = surroundings or Surroundings()
    user = of.user or own_user()
    if of.user is not None and of.alone and of.user.home.is_dir():
        home = of.user.home
    environment = {
        "PATH": PATH,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": str(tmp),
        "USER": user.name,
        "LOGNAME": user.name,
        "SHELL": user.shell,
        # Two parts: the Listener crashes at its start if there is only one.
        "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT": f"paddock/{of.version}",
    }
    for name, value in of.proxies.items():
        environment |= {name: value, name.upper(): value}  # programs disagree on which of the two they read
    return environment


def listener_environment(
    *,
    machine: str,
    home: Path,
    tmp: Path,
    surroundings: Surroundings | None = None,
    more: Mapping[str, str] | None = None,
) -> Mapping[str, str]:
    """The whole environment of the Listener. A secret travels here because a command line can be read by anybody.

    Args:
        machine: this machine's id.
        home: the machine's own home directory for the job.
        tmp: the job's directory for temporary files.
        surroundings: what the settings and the image say.
        more: what the registration (its secret) and the hooks add.
    """
    of = surroundings or Surroundings()
    return {
        **base_environment(home, tmp, of),
        "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "1",  # exit code 7: too old, not just an end
        **({"RUNNER_TOOL_CACHE": str(of.tool_cache)} if of.tool_cache is not None else {}),
        **({"ImageOS": of.image_os} if of.image_os else {}),
        **(more or {}),
        MARKER: machine,
    }
