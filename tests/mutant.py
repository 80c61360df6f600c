"""A bug that is planted into our use-cases."""

import attrs


@attrs.frozen
class Mutant:
    """A bug: in `file` of the use-cases, `find` (which stands there once) becomes `into`. `rows`: of the catalogue.

    `first` is the seed at which the search begins, for what needs more luck than the first few have; `pools`: every
    world of it has pools. `tests` is the file that catches it where chaos would have to be lucky for long: two
    processes within one another's calls, or what the next minute makes good.
    """

    name: str
    rows: str
    file: str
    find: str
    into: str
    first: int = 0
    pools: bool = False
    tests: str = ""
