"""The program on the machine: takes one assignment, runs the official runner for one job, reports, and ends.

Standard library only, Python 3.11 or newer. What the outside gives it stands in `ports`; `local` is the platform of the
one-machine fleet. The way of a machine::

    take the assignment ─> package ─> extract ─> pre-flight ─> configure ─> listen ─> job ─> report ─> wipe ─> off
         (local)          (package) (extraction) (preflight)    (jit)       (supervise, life)       (cleanup)

Whatever happens on this way, the end is the same: nothing of the job is left running, and the machine goes off.
"""
