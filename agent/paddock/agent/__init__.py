"""The program on the machine: takes one assignment, runs the official runner for one job, reports, and ends.

Standard library only, Python 3.11 or newer. What the outside gives it stands in `ports`; `local` is the platform of the
one-machine fleet, `aws` that of EC2. The way of a machine, and where each part of it lives::

    identity, assignment ─> runner package ─> registration ─> job ─────────> report, clean up ─> power off
     (local, aws)            (package)         (registration)  (job, machine)  (telling, machine)  (machine)

Whatever happens on this way, the end is the same: nothing of the job is left running, and the machine goes off.
"""
