"""The simulator: how many jobs a second it plays, what a job leaves in memory, and what an event loop alone costs."""

import time
import tracemalloc
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

from paddock.adapters.simulation.chaos import case_of, play
from paddock.adapters.simulation.cloud import SimulatedEc2, usual
from paddock.adapters.simulation.workloads import GeneratorParameters, generated
from paddock.adapters.simulation.world import Simulation
from paddock.core.settings import FleetSettings
from tests.bench.harness import Figure, per_second

JOBS_PER_DAY = 12_000
SEEDS = 20
YARDSTICK_JOBS = 20_000
STEPS = (2.0, 0.1, 1.5, 5.0, 8.0, 3.7, 120.0, 1.0)  # seconds of a life: webhook to power-off


def figures() -> Iterator[Figure]:
    """Jobs per second of CPU time on one core, every decision kept."""
    tracemalloc.start()
    spent, jobs = a_day()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    spent, jobs = a_day()
    yield per_second("sim.jobs_per_s", spent / jobs, f"a generated day of {jobs} jobs, no faults, decisions kept")
    yield Figure("sim.bytes_per_job", round(peak / jobs), "bytes", "the most memory that day used, by its jobs")
    before = time.process_time_ns()
    played = sum(play(case_of(seed)).jobs.queued for seed in range(SEEDS))
    spent = time.process_time_ns() - before
    yield per_second("sim.jobs_per_s.faults", spent / played, f"{SEEDS} seeds of chaos: every kind of fault")
    yield per_second(
        "sim.simpy_jobs_per_s", simpy_life() / YARDSTICK_JOBS, "the same life in SimPy, with none of our logic"
    )


def a_day() -> tuple[int, int]:
    """Nanoseconds of CPU for a simulated day, and its jobs."""
    load = generated(GeneratorParameters(jobs_per_day=JOBS_PER_DAY), seed=1, days=1)
    settings = FleetSettings(repositories=tuple(load.repositories))
    before = time.process_time_ns()
    outcome = Simulation(load, settings=settings, seed=1, cloud=partial(SimulatedEc2, usual())).run()
    return time.process_time_ns() - before, outcome.jobs.queued


def simpy_life() -> int:
    """Nanoseconds of CPU for so many jobs, each of which only waits for what a job waits for."""
    import simpy  # type: ignore[import-not-found]  # noqa: PLC0415 - the bench session alone has it

    world = simpy.Environment()
    slots = simpy.Resource(world, capacity=200)

    def job(begins: float) -> Generator[Any, Any, None]:
        yield world.timeout(begins)
        with slots.request() as machine:
            yield machine
            for step in STEPS:
                yield world.timeout(step)

    for number in range(YARDSTICK_JOBS):
        world.process(job(number * 0.5))
    before = time.process_time_ns()
    world.run()
    return time.process_time_ns() - before
