"""The ``paddock`` command. Each command is imported when it is called, so that ``--help`` stays quick."""

import sys

from cyclopts import App

from paddock.core.errors import PaddockError


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - costs 20 ms that no other command should pay

    return version("paddock")


_COMMANDS = "paddock.entrypoints.cli"

app = App(
    name="paddock",
    help="""Run GitHub Actions jobs on machines of your own: one machine per job, gone when the job ends.

    New here? **paddock demo** runs a whole fleet on this machine in less than a minute, with a stand-in for GitHub.
    For real use write a **paddock.yml** (**paddock config example** prints one) and start **paddock local**.
    """,
    help_format="markdown",
    version=_version,
    result_action="return_value",
)
config = App(name="config", help="Write and check paddock.yml.", help_format="markdown")

app.command(f"{_COMMANDS}.demo:demo", name="demo", help="Run a whole fleet here, with a stand-in for GitHub.")
app.command(f"{_COMMANDS}.local:local", name="local", help="Serve a real GitHub with machines that are processes here.")
app.command(config)
config.command(f"{_COMMANDS}.config:validate", name="validate", help="Check a paddock.yml and name every problem.")
config.command(f"{_COMMANDS}.config:example", name="example", help="Print a commented paddock.yml to start from.")
app.command(f"{_COMMANDS}.labels:labels", name="labels", help="Say what a runs-on asks for, or what is wrong with it.")
app.command(f"{_COMMANDS}.state:jobs", name="jobs", help="List the fleet's jobs.")
app.command(f"{_COMMANDS}.state:explain", name="explain", help="Tell a job's story: every decision and its reason.")
app.command(f"{_COMMANDS}.state:pause", name="pause", help="Launch nothing more until resumed.")
app.command(f"{_COMMANDS}.state:resume", name="resume", help="Launch again.")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code: 0 done, 1 it went wrong, 2 it was asked wrongly, 130 interrupted."""
    try:
        outcome = app(arguments)
    except SystemExit as stop:  # cyclopts leaves by this when the words of the call are off
        return 2 if stop.code not in {0, None} else 0
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except PaddockError as error:
        print(f"paddock: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"paddock: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        return 1
    return outcome if isinstance(outcome, int) else 0


if __name__ == "__main__":
    sys.exit(main())
