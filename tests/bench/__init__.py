"""The benchmark: figures, not verdicts. ``nox -s bench``, or ``python -m tests.bench [group …]``.

Machines are shared and noisy, so a figure is the best of several runs, CPU time where that is what is meant, and each
comes with its ratio to a yardstick that is measured in the same run: compare ratios between machines and days.

Each group is a module of ``tests.bench.groups`` with a function ``figures()``; names are stable, so that
``build/bench.json`` of two commits can be laid side by side.
"""
