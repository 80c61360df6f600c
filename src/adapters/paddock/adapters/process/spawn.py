"""Starting a machine's agent: in a session of its own, with nothing of the fleet's but what Python needs."""

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from paddock.adapters.process.layout import Layout

NICENESS = 5  # the fleet itself must stay quick on a box that is full of jobs
OPEN_FILES = 65_536
_PYTHON_NEEDS = ("PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")


def agent_environment(of: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """The agent's environment: a path, a language, what Python needs of the fleet's own, and what was asked for."""
    kept = {name: of[name] for name in _PYTHON_NEEDS if name in of}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **kept, **more}


def spawn_agent(directory: Path, layout: Layout, options: Sequence[str], more: Mapping[str, str]) -> int:
    """Start the agent of the machine in `directory`; its process id.

    Limits and niceness are set from here: the agent starts nothing before it has its assignment, and that is put
    after this returns.

    Raises:
        OSError: no more processes, or no memory.
    """
    command = [
        sys.executable,
        "-P",
        "-m",
        "paddock.agent",
        "local",
    ]  # -P: what lies in the current directory is never imported
    command += ["--machine-dir", str(directory.absolute()), "--cache-dir", str(layout.cache.absolute())]
    command += ["--mirror", str(layout.mirror.absolute()), *options]
    agent = subprocess.Popen(  # noqa: S603 - our own program, and no text of a job's in its arguments
        command,
        cwd="/",
        env=agent_environment(os.environ, more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        close_fds=True,
    )
    agent.returncode = 0  # a machine outlives this object; its end is seen in the process table, see `liveness`
    with contextlib.suppress(ProcessLookupError):  # it may have ended at once: then the directory tells
        os.setpriority(os.PRIO_PROCESS, agent.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        resource.prlimit(agent.pid, resource.RLIMIT_CORE, (0, 0))
        _, most = resource.prlimit(agent.pid, resource.RLIMIT_NOFILE)
        soft = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
        resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (soft, most))
    return agent.pid
