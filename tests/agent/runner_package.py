"""A tiny runner package built by the test: a Listener that prints the official one's lines and does what it is told.

What it does stands in the package itself, so that the agent sees nothing but a package.
"""

import base64
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from paddock.core.codec import message_to_data
from paddock.core.messages import Assignment, RunnerPackage

VERSION = "2.336.0"
RUNNER_ID = 4711
SECRET = "this-is-the-private-key"
LISTENER = r"""#!@PYTHON@ -ES
import hashlib, json, os, signal, subprocess, sys, time

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
steps = json.load(open(os.path.join(here, "scenario.json")))
if sys.argv[1:] == ["--version"]:
    if steps.get("broken"):
        print("Couldn't find a valid ICU package", file=sys.stderr)
        sys.exit(134)
    while steps.get("slow") and not os.path.exists(steps["slow"]):
        time.sleep(0.01)
    print("@VERSION@")
    sys.exit(0)
settings = os.path.join(here, ".runner")
if sys.argv[1:2] in (["configure"], ["remove"]):
    token = os.environ.pop("ACTIONS_RUNNER_INPUT_TOKEN")
    assert hashlib.sha256(token.encode()).hexdigest() == steps["token"], "another token"
    if sys.argv[1] == "remove":
        os.remove(settings)
        sys.exit(0)
    name = sys.argv[sys.argv.index("--name") + 1]
    with open(settings, "w") as file:
        json.dump({"AgentId": @RUNNER_ID@, "AgentName": name, "Ephemeral": True}, file)
    while steps.get("slow") and not os.path.exists(steps["slow"]):
        time.sleep(0.01)
    sys.exit(0)
assert sys.argv[1:] == ["run"], sys.argv

def say(text, stamp=True):
    print(time.strftime("%Y-%m-%d %H:%M:%SZ: ", time.gmtime()) * stamp + text, flush=True)

def stop(*_):
    global stopping
    stopping = True
    os.write(1, b"Exiting...\n")  # not print: the signal may come in the midst of one

def note(name):
    if script.get("notes"):
        open(os.path.join(script["notes"], name), "w").close()

stopping = False
worker = None
runs = os.path.join(here, "runs")
run = 1 + (int(open(runs).read()) if os.path.exists(runs) else 0)
open(runs, "w").write(str(run))
script = steps["runs"][min(run, len(steps["runs"])) - 1]
if script.get("plain_sigint"):
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
else:
    signal.signal(signal.SIGINT, signal.SIG_IGN if script.get("deaf") else stop)
jit = os.environ.pop("ACTIONS_RUNNER_INPUT_JITCONFIG", None)
assert jit or os.path.exists(settings), "neither configured nor given a JIT configuration"
os.makedirs(os.path.join(here, "_diag"), exist_ok=True)
open(os.path.join(here, "_diag", "Runner_1.log"), "w").write("[WRITE LINE]\n")
open(os.path.join(here, ".credentials"), "w").write("secret")
for line in script.get("complaints", ()):
    print(line, file=sys.stderr, flush=True)
if script.get("echo_secret"):
    print("could not read " + jit, file=sys.stderr, flush=True)
say("", False)
say("\u221a Connected to GitHub", False)
say("Current runner version: '@VERSION@'", False)
if "listens" not in script or script["listens"]:
    say("Listening for Jobs")
if script.get("idle"):
    while not stopping:
        time.sleep(0.01)
for line in script.get("before", ()):
    say(line, False)
while script.get("comes") and not os.path.exists(script["comes"]) and not stopping:
    time.sleep(0.01)
if "job" in script and not stopping:
    note("began")
    say("Running job: " + script["job"])
    note("said")
    if script.get("worker"):
        worker = subprocess.Popen([os.path.join(here, "bin", "Runner.Worker")], start_new_session=True)
    evidence = script.get("evidence")
    if evidence:
        with open(evidence + ".part", "w") as file:
            json.dump({"environ": dict(os.environ), "cwd": os.getcwd(), "pid": os.getpid(),
                       "files": sorted(os.listdir(here)), "fds": sorted(os.listdir("/proc/self/fd"))}, file)
        os.rename(evidence + ".part", evidence)
    for child in script.get("children", ()):
        env = dict(os.environ)
        if child.get("hides"):
            env = {}
        subprocess.Popen(child["command"], start_new_session=True, env=env)
    for command in script.get("shell", ()):
        subprocess.run(["/bin/sh", "-c", command], check=True)
    for _ in range(script.get("flood", 0)):
        print("x" * 999)
    end = time.monotonic() + script.get("lasts", 0)
    died = False
    while (script.get("hang") or time.monotonic() < end) and not stopping and not died:
        time.sleep(0.01)
        died = worker is not None and worker.poll() is not None and not script.get("careless")
    result = "Canceled" if stopping else "Failed" if died else script.get("result", "Succeeded")
    if result == "Succeeded":
        note("succeeded")
    if result:
        say("Job " + script["job"] + " completed with result: " + result)
    while script.get("lingers") and not stopping:
        time.sleep(0.01)
if script.get("update"):
    open(os.path.join(here, "update.finished"), "w").close()
sys.exit(script.get("exit", 0))
"""
WORKER = r"""#!/bin/sh
echo begun > "${0%/bin/*}/_diag/Worker_1.log"
while :; do sleep 0.2; done
"""


def script(**what: object) -> dict[str, Any]:
    """One start of the Listener: ``job`` (its name), ``result``, ``exit``, ``hang``, ``idle``, ``deaf`` and so on.

    ``worker`` gives the job a Worker, whose death fails the job unless the Listener is ``careless``; ``lasts`` is the
    job's time in seconds; ``comes``: it is taken when that file is there; ``lingers``: it stays when its job has
    ended. In the directory ``notes`` it leaves files:
    ``began`` and ``said`` around the job's first line, ``succeeded`` before the line that says so.
    """
    return what


def archive(files: Mapping[str, bytes], more: Iterable[tuple[tarfile.TarInfo, bytes]] = ()) -> bytes:
    """A ``.tar.gz`` without a top directory; what lies in ``bin/`` is executable; `more` entries come last."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", compresslevel=1) as package:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(content)
            entry.mode = 0o755 if name.startswith("bin/") else 0o644
            package.addfile(entry, io.BytesIO(content))
        for entry, content in more:
            package.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def runner_package(*runs: Mapping[str, Any], broken: bool = False, slow: Path | None = None, token: str = "") -> bytes:
    """A package whose Listener does the n-th of `runs` when it is started for the n-th time (the last one for ever).

    If it is `slow`, it does not tell its version, nor that it is configured, before that file is there. It can be
    configured by the `token` alone.
    """
    listener = LISTENER.replace("@PYTHON@", sys.executable).replace("@VERSION@", VERSION)
    listener = listener.replace("@RUNNER_ID@", str(RUNNER_ID))
    steps = {"runs": list(runs) or [script(job="build")], "broken": broken, "slow": str(slow or "")}
    scenario = json.dumps({**steps, "token": hashlib.sha256(token.encode()).hexdigest()})
    programs = {"bin/Runner.Listener": listener.encode(), "bin/Runner.Worker": WORKER.encode()}
    return archive({**programs, "scenario.json": scenario.encode()})


def jit_config(runner_id: object = RUNNER_ID, *, more: Mapping[str, bytes] | None = None) -> str:
    """A just-in-time configuration of the official form, with a private key to look for."""
    files = {
        ".runner": json.dumps({"AgentId": runner_id, "AgentName": "r", "WorkFolder": "_work"}).encode(),
        ".credentials": b'{"scheme":"OAuth"}',
        ".credentials_rsaparams": json.dumps({"d": SECRET}).encode(),
        **(more or {}),
    }
    inner = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return base64.b64encode(json.dumps(inner).encode()).decode()


def assignment(machine: str, url: str, data: bytes, **fields: object) -> Assignment:
    """An assignment of the package at `url` whose bytes are `data`."""
    digest = hashlib.sha256(data).hexdigest()
    published = {"downloads": digest, "release digest": digest}
    given: dict[str, Any] = {
        "machine": machine,
        "job_id": 12345,
        "launch": 1,
        "repository": "acme/shop",
        "labels": ("paddock",),
        "runner_name": f"paddock--{machine}--1a2b3c",
        "runner_id": RUNNER_ID,
        "package": RunnerPackage(VERSION, url, digest, f"actions-runner-{VERSION}.tar.gz", published),
        "jit_config": jit_config(),
        "max_runtime": 60_000_000,
        "idle_timeout": 60_000_000,
        "setup_info": "a box of ours",
        **fields,
    }
    return Assignment(**given)


def put_assignment(directory: Path, assigned: Assignment) -> None:
    """Lay the assignment into the machine's directory, as the fleet does."""
    part = directory / ".assignment.part"
    part.write_text(json.dumps(message_to_data(assigned)))
    part.rename(directory / "assignment.json")
