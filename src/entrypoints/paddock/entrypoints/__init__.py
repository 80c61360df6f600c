"""Thin doors into the use-cases: parse, call one, answer."""
