"""The Listener's environment: what it has in every setting, and what it never has."""

from pathlib import Path

import pytest

from paddock.agent.job.environment import JIT_CONFIG, Surroundings, base_environment, listener_environment, marker
from paddock.agent.machine.users import User

HOME, TMP = Path("/m/work/home"), Path("/m/work/tmp")


def runner(home: Path) -> User:
    return User("runner", 1001, 1001, (1001, 998), home, "/bin/bash")


def environment(surroundings: Surroundings, **more: object) -> dict[str, str]:
    given: dict[str, object] = {"machine": "m-1", "home": HOME, "tmp": TMP, "surroundings": surroundings, **more}
    return dict(listener_environment(**given))  # type: ignore[arg-type] # a table of keywords


def test_everything_that_a_setting_adds_is_there_by_its_name(tmp_path: Path) -> None:
    """The whole environment of a machine with an image, a user, a tool cache and hooks, entry by entry."""
    of = Surroundings(
        user=runner(tmp_path), alone=True, tool_cache=Path("/opt/tools"), image_os="ubuntu24", version="1.2.3"
    )
    hooks = {"ACTIONS_RUNNER_HOOK_JOB_STARTED": "/m/work/hooks/started.sh"}
    assert environment(of, more={JIT_CONFIG: "secret", **hooks}) == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "TMPDIR": "/m/work/tmp",
        "USER": "runner",
        "LOGNAME": "runner",
        "SHELL": "/bin/bash",
        "RUNNER_TOOL_CACHE": "/opt/tools",
        "ImageOS": "ubuntu24",
        "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT": "paddock/1.2.3",
        "ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "1",
        "ACTIONS_RUNNER_INPUT_JITCONFIG": "secret",
        "ACTIONS_RUNNER_HOOK_JOB_STARTED": "/m/work/hooks/started.sh",
        "PADDOCK_MACHINE": "m-1",
    }


def test_without_settings_nothing_is_there_that_could_be_empty() -> None:
    """No entry for a secret, a cache or an image that is not given: an empty one would mean something else."""
    found = environment(Surroundings())
    absent = {"RUNNER_TOOL_CACHE", "ImageOS", "ACTIONS_RUNNER_INPUT_JITCONFIG", "http_proxy"}
    assert absent.isdisjoint(found)
    assert all(found.values())


@pytest.mark.parametrize(("alone", "exists"), [(False, True), (True, False)])
def test_a_home_that_is_shared_or_missing_is_not_the_jobs(tmp_path: Path, *, alone: bool, exists: bool) -> None:
    """On a box of several machines each job has a home of its own, so that none finds what another one left."""
    home = tmp_path if exists else tmp_path / "missing"
    assert base_environment(HOME, TMP, Surroundings(user=runner(home), alone=alone))["HOME"] == str(HOME)


def test_proxies_are_there_in_both_spellings() -> None:
    """Programs differ: curl reads one of them in lower case only, others in upper case only."""
    found = environment(Surroundings(proxies={"https_proxy": "http://proxy:3128", "no_proxy": "169.254.169.254"}))
    assert found["https_proxy"] == found["HTTPS_PROXY"] == "http://proxy:3128"
    assert found["no_proxy"] == found["NO_PROXY"] == "169.254.169.254"


def test_a_proxys_password_is_not_in_the_settings_text() -> None:
    """Whatever logs the settings must not tell it."""
    assert "hunter2" not in repr(Surroundings(proxies={"http_proxy": "http://me:hunter2@proxy"}))


def test_nothing_but_a_proxy_passes_as_one() -> None:
    """The setting is no way to put anything else into every job."""
    with pytest.raises(ValueError, match="proxies: found 'LD_PRELOAD', wanted names out of http_proxy"):
        Surroundings(proxies={"LD_PRELOAD": "/tmp/x.so"})


def test_nothing_takes_the_marks_place() -> None:
    """By it the job's processes are found, so what else is added cannot change it."""
    found = environment(Surroundings(), more={"PADDOCK_MACHINE": "m-2"})
    assert f"PADDOCK_MACHINE={found['PADDOCK_MACHINE']}" == marker("m-1")
