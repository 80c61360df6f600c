"""How a person sees CloudFormation at work: each step on its line, and on a terminal a bar of resources below."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import attrs
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from paddock.core.errors import PaddockError
from paddock.entrypoints.cli.stack_view import step_line

if TYPE_CHECKING:
    from paddock.adapters.aws.cloudformation import Standing, Step
    from paddock.entrypoints.aws_stack.places import Places

_KIND = "AWS::CloudFormation::Stack"


@attrs.define
class Count:
    """How many of the resources that are to be made, changed or deleted are done. ``back``: it is all taken back.

    A resource that is replaced is done twice, and counts once. What is taken back is what was begun before.
    """

    names: set[str]
    done: set[str] = attrs.field(factory=set)
    begun: set[str] = attrs.field(factory=set)
    back: bool = False

    def see(self, step: "Step") -> None:
        """Count a step in."""
        if step.kind == _KIND:
            if "ROLLBACK" in step.status and not self.back:
                self.back, self.names, self.done = True, set(self.begun), set()
            return
        self.begun.add(step.name)
        self.names = self.names | {step.name}
        if step.status.endswith(("_COMPLETE", "_SKIPPED")):
            self.done.add(step.name)
        else:
            self.done.discard(step.name)


def resources_of(places: "Places", standing: "Standing | None") -> set[str]:
    """The names of what a stack consists of; none if that is not to be known: nothing follows of it but the bar."""
    if standing is not None and standing.exists:
        with suppress(PaddockError):
            return places.stacks.resources(standing.id)
    return set()


@contextmanager
def followed(out: Console, names: Collection[str]) -> Iterator[Callable[["Step"], object]]:
    """Tells each step; on a terminal there is a bar, too.

    Args:
        out: where.
        names: of the resources that are to be done, as far as they are known.
    """
    count = Count(set(names))
    columns = (
        *(TextColumn("{task.description}", markup=False), BarColumn(bar_width=24)),
        *(TextColumn("{task.completed}/{task.total} resources", markup=False), TimeElapsedColumn()),
    )
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bars:
        task = bars.add_task("CloudFormation", total=len(count.names))

        def tell(step: "Step") -> None:
            count.see(step)
            out.print(step_line(step))
            words = "taking it back" if count.back else "CloudFormation"
            bars.update(task, description=words, completed=len(count.done), total=len(count.names))

        yield tell
