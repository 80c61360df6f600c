# ruff: noqa: E501 - code is quoted as it stands
"""Bugs that fleets have had, planted into our use-cases; each must be caught by chaos.

``python -m tests.mutants`` plants each into a copy of the core and plays seeds until something is wrong.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from paddock import core
from tests.house_mutants import HOUSE_MUTANTS
from tests.mutant import Mutant
from tests.pool_mutants import POOL_MUTANTS

__all__ = ["HOUSE_MUTANTS", "MUTANTS", "POOL_MUTANTS", "Mutant", "caught"]

CORE = Path(core.__file__).parent
SEEDS = 100
JOBS = 120


MUTANTS = (
    Mutant(
        "one launch token for all tries",
        "C12",
        "fulfilment.py",
        "            token=launch.token,\n",
        '            token=f"job-{launch.jobs[0]}",\n',
    ),
    Mutant(
        "machines handed out by count and not by identity",
        "B25",
        "fulfilment.py",
        "        pairs = zip(launch.jobs, launch.machines or (), strict=False)\n"
        "        return {job_id: machines[machine] for job_id, machine in pairs if machine in machines}\n",
        "        return dict(zip(reversed(launch.jobs), machines.values(), strict=False))\n",
    ),
    Mutant(
        "a launch that is repeated is regrouped",
        "B12",
        "fulfilment.py",
        "            count=len(launch.jobs),\n",
        "            count=len(held),\n",
    ),
    Mutant(
        "a job is closed without asking who served it",
        "E10",
        "machine_word.py",
        '        now = self._completion.ask(job)\n        if now is not None and now.status == "queued" and job.state is JobState.LAUNCHED:\n',
        '        return job.id\n        if now is not None and now.status == "queued" and job.state is JobState.LAUNCHED:\n',
    ),
    Mutant(
        "killed on a stale snapshot",
        "D12, H10",
        "house/sweep.py",
        "        if not reason or self._is_ready(runner):\n            return\n        if not self._retire.may_end(runner):\n            self._note_work(runner)\n            return\n",
        "",
    ),
    Mutant(
        "a machine that is killed although GitHub keeps its runner",
        "D13",
        "registered.py",
        "        except Busy:\n            return False\n",
        "        except Busy:\n            return True\n",
        first=300,
    ),
    Mutant(
        "a registration is never deleted",
        "E12",
        "registered.py",
        "                take_back(self._registrations, scope_of(runner.repository, self._settings), one)\n",
        "                pass\n",
    ),
    Mutant(
        "the bill is written from when the sweep looks",
        "H9",
        "departure.py",
        "            return min(machine.ended_at, now)\n",
        "            return now\n",
    ),
    Mutant(
        "what is not seen is gone",
        "H14",
        "departure.py",
        "        unknown = machine is None and not due and now - runner.launched_at < _KNOWN_BY\n",
        "        unknown = False\n",
        first=45,
    ),
    Mutant(
        "a machine without a record is nobody's",
        "H8",
        "adopt.py",
        "        if not self._runners.add(runner):\n",
        "        if self._runners:\n",
        first=33,
    ),
    Mutant(
        "lost webhooks are not looked for",
        "A1",
        "house/sweep_github.py",
        "        self._queue.send([JobRequested(job.facts, self._clock.now())])\n",
        "",
    ),
    Mutant(
        "a machine that was taken was not taken",
        "G3",
        "departure.py",
        "    return machine.taken if machine is not None and machine.ended_by else runner.interrupted_at is not None\n",
        "    return False\n",
    ),
    Mutant(
        "no launch is held against the job",
        "F10",
        "life.py",
        "        verdict = self._retry.after_failure(job, reason)\n",
        "        verdict = self._retry.after_failure(attrs.evolve(job, launch=1), reason)\n",
        first=44,
    ),
    Mutant(
        "a machine's price is what was asked for and not what it is",
        "C17",
        "adopt.py",
        "        price=machine.price,\n",
        "        price=90_000,\n",
    ),
    Mutant(
        "decisions without a reason",
        "A8",
        "record.py",
        "        self.decisions.append([Decision(subject, self.clock.now(), self.actor, verdict, reason, facts)])\n",
        '        self.decisions.append([Decision(subject, self.clock.now(), self.actor, verdict, "", facts)])\n',
    ),
    Mutant(
        "a job is launched again without asking GitHub",
        "E11",
        "completion.py",
        "        now = self.ask(job)\n        if now is None:\n            self._life.forgotten(job)\n        if now is None or now.status in set(Observed):\n            return\n        runner = self._runners.get(machine)\n",
        "        runner = self._runners.get(machine)\n",
    ),
    Mutant(
        "the message is sent before the record is flipped",
        "B20",
        "life.py",
        "        queued = self._change(job, when, back)\n        if queued is not None:\n            self._record.job(job.id, verdict, reason, launch=job.launch, delay_s=delay // 1_000_000, **facts)\n            self._queue.send([JobRequested(job.facts, now)], delay=delay)\n",
        "        self._queue.send([JobRequested(job.facts, now)], delay=delay)\n        queued = self._change(job, when, back)\n        if queued is not None:\n            self._record.job(job.id, verdict, reason, launch=job.launch, delay_s=delay // 1_000_000, **facts)\n",
    ),
    Mutant(
        "labels are cut at the registration",
        "A8",
        "assign.py",
        "            job.facts.labels,\n            self._settings.runner_group,\n",
        "            job.facts.labels[:1],\n            self._settings.runner_group,\n",
    ),
    Mutant(
        "a launch forgets what was asked for",
        "A10",
        "fulfilment.py",
        "            spec=launch.spec,\n            market=launch.market,\n",
        "            spec=RunnerSpec(),\n            market=launch.market,\n",
    ),
    Mutant(
        "a job is left as it is when its machine is gone",
        "G3",
        "departure.py",
        "            self._completion.launch_lost(closed.assigned_job, closed.machine, lost)\n",
        "            del lost\n",
    ),
    Mutant(
        "a job is left as it is when its machine fails to start",
        "H18",
        "machine_word.py",
        "        if runner.assigned_job is not None:\n            self._completion.launch_lost(",
        "        if runner.assigned_job is None:\n            self._completion.launch_lost(",
    ),
    Mutant(
        "a cancelled job's machine is kept",
        "H9",
        "completion.py",
        '            self._retire.unneeded(runner, f"job {job.id}, for which it was started, was {how}")\n',
        "            del how\n",
    ),
    Mutant(
        "a lack of capacity is held against the job",
        "B23",
        "life.py",
        "        change = JobChange(displaced=job.displaced + 1, reason=reason)\n        if shortfall",
        "        change = JobChange(reason=reason)\n        if shortfall",
    ),
    Mutant(
        "a launch that nobody asked for is held against the job",
        "B10",
        "life.py",
        '        return self._requeue(job, when, JobChange(displaced=job.displaced + 1), 0, "relaunch", reason)\n',
        '        return self._requeue(job, when, JobChange(), 0, "relaunch", reason)\n',
    ),
    Mutant(
        "jobs that wait for a limit are never woken",
        "H11",
        "house/plan.py",
        "            yield WakeJob(job.id)\n",
        "            pass\n",
    ),
    Mutant(
        "a dead dispatcher's job is never resumed",
        "B10",
        "house/plan.py",
        '                yield WakeJob(job.id, "its dispatcher\'s lease ran out")\n',
        "                pass\n",
        first=17,
    ),
    Mutant(
        "GitHub's word that a job is completed is ignored",
        "E18",
        "events.py",
        "            case JobObserved():\n                self._completion(message)\n",
        "            case JobObserved():\n                if message.conclusion is None:\n                    self._completion(message)\n",
    ),
    Mutant(
        "intake drops what it took",
        "A4",
        "intake.py",
        "        else:\n            self._events.send([message])\n        return Taken()\n",
        "        elif message.conclusion is None:\n            self._events.send([message])\n        return Taken()\n",
    ),
    Mutant(
        "the cloud's warning is ignored",
        "G1",
        "events.py",
        "            case MachineWarned():\n                self._interruptions.warned(message)\n",
        "            case MachineWarned():\n                pass\n",
    ),
    Mutant(
        "what another job took is held against the job",
        "E9",
        "life.py",
        '        return self._requeue(job, when, JobChange(displaced=job.displaced + 1), 0, "displaced", reason)\n\n    def _forfeited',
        '        return self._requeue(job, when, JobChange(), 0, "displaced", reason)\n\n    def _forfeited',
    ),
)


def planted(mutant: Mutant, directory: Path) -> Path:
    """A copy of the core with the bug in it; the path to import it from.

    Raises:
        ValueError: what is to be replaced does not stand there once: the mutant has to follow the code.
    """
    copy = directory / "paddock" / "core"
    shutil.copytree(CORE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / "usecases" / mutant.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutant.find) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} has {text.count(mutant.find)} times what is to be replaced")
    text = text.replace(mutant.find, mutant.into)
    if "attrs." in mutant.into and "import attrs" not in text:
        head, _, rest = text.partition("\nfrom ")
        text = f"{head}\nimport attrs\n\nfrom {rest}"
    file.write_text(text, encoding="utf-8")
    return directory


def caught(mutant: Mutant, *, seeds: int = SEEDS, jobs: int = JOBS) -> str:
    """Play seeds with the bug: the first of them that went wrong, and how; empty if none did."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.pathsep.join([str(planted(mutant, Path(directory))), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-m", "tests.hunt", str(seeds), str(jobs), str(mutant.first), str(int(mutant.pools))]
        if mutant.tests:
            command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", mutant.tests]
        hunt = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=600
        )
    if hunt.returncode not in (0, 1):
        return f"it does not run: {hunt.stderr.strip().splitlines()[-1]}"
    if mutant.tests:
        failed = [line for line in hunt.stdout.splitlines() if line.startswith("FAILED ")]
        return failed[0] if failed else ""
    return hunt.stdout.strip()


def main() -> int:
    """All of them; 1 if any is not caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    say = Console(soft_wrap=True, highlight=False, markup=False).print
    missed = 0
    with ThreadPoolExecutor(options.workers) as pool:
        everything = (*MUTANTS, *POOL_MUTANTS, *HOUSE_MUTANTS)
        for mutant, how in zip(everything, pool.map(caught, everything), strict=True):
            missed += not how
            say(f"{'caught' if how else 'MISSED'}  {mutant.name} ({mutant.rows}): {how or 'nothing went wrong'}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
