"""How a function starts without a search for garbage: its handler's module imports this first, and ends with `started`.

What imports make stays. Still Python looks through it for cycles that nobody holds any more, more than a hundred times
in a start, which takes an eighth of it. The search is put off until everything is there, and what is there by then is
never looked through: neither now nor during an event, when the function has a seventh of a processor.
"""

import gc  # and nothing else: another import would be searched

_OBJECTS = 1_000_000  # more than imports make; and whoever never comes to `started` is still rid of his garbage

_USUAL = gc.get_threshold()
gc.set_threshold(_OBJECTS)


def started() -> None:
    """All is imported: look for garbage as usual from now on, among what comes from now on."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
