"""Loads to simulate: made up from published figures, written to files and read from them, recorded from GitHub.

Each is a `paddock.adapters.simulation.load.Workload`: it can be gone through as often as policies are to be compared.
"""

from paddock.adapters.simulation.workloads.generator import Generated, built_in_day, generated
from paddock.adapters.simulation.workloads.parameters import GeneratorParameters, LabelShare, Office
from paddock.adapters.simulation.workloads.quantiles import Quantiles
from paddock.adapters.simulation.workloads.trace import Trace, TraceWriter, read_trace, write_trace

__all__ = [
    "Generated",
    "GeneratorParameters",
    "LabelShare",
    "Office",
    "Quantiles",
    "Trace",
    "TraceWriter",
    "built_in_day",
    "generated",
    "read_trace",
    "write_trace",
]
