"""Machines on EC2: instant fleets from launch templates, one call per launch.

Nothing is re-exported: what is data here, a role's rights, can be had without boto3.
"""
