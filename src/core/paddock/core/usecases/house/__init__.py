"""Housekeeping: the tasks that keep records, machines and registrations true, and what runs them on their schedules."""
