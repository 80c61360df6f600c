"""The bar of resources while CloudFormation works: what it counts, and that only a terminal has it."""

from io import StringIO

from rich.console import Console

from paddock.adapters.aws.cloudformation import Step
from paddock.entrypoints.cli.stack_progress import Count, followed

STACK = "AWS::CloudFormation::Stack"


def step(name: str, status: str, kind: str = "AWS::SQS::Queue") -> Step:
    """Something that happened to a resource, or to the stack."""
    return Step(event=f"{name}-{status}", at=0, name=name, kind=kind, id="", status=status)


def test_resources_are_counted_and_so_is_what_is_taken_back() -> None:
    """One that is replaced counts once; after a failure those that were begun are counted anew."""
    count = Count({"a", "b", "c"})
    seen = []
    for one in (
        step("paddock-dev", "CREATE_IN_PROGRESS", STACK),
        step("a", "CREATE_IN_PROGRESS"),
        step("a", "CREATE_COMPLETE"),
        step("b", "CREATE_FAILED"),
        step("paddock-dev", "ROLLBACK_IN_PROGRESS", STACK),
        step("a", "DELETE_IN_PROGRESS"),
        step("a", "DELETE_COMPLETE"),
        step("b", "DELETE_COMPLETE"),
        step("paddock-dev", "ROLLBACK_COMPLETE", STACK),
    ):
        count.see(one)
        seen.append((len(count.done), len(count.names), count.back))
    assert seen == [
        *((0, 3, False), (0, 3, False), (1, 3, False), (1, 3, False)),
        *((0, 2, True), (0, 2, True), (1, 2, True), (2, 2, True), (2, 2, True)),
    ]
    replaced = Count({"a"})
    for status in ("UPDATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"):
        replaced.see(step("a", status))
    assert (len(replaced.done), len(replaced.names)) == (1, 1)


def test_a_terminal_has_a_bar_and_a_pipe_has_lines_alone() -> None:
    """Each step is a line in both; how many resources are done of how many is seen on the terminal."""
    shown = {}
    for terminal in (True, False):
        stream = StringIO()
        out = Console(file=stream, force_terminal=terminal, width=120, color_system=None)
        with followed(out, ["a", "b"]) as told:
            told(step("a", "CREATE_COMPLETE"))
        shown[terminal] = stream.getvalue()
    assert "1/2 resources" in shown[True]
    assert all("CREATE_COMPLETE       a" in text for text in shown.values())
    assert shown[False].splitlines() == ["00:00:00  CREATE_COMPLETE       a"]
