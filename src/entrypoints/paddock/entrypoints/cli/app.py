"""The ``paddock`` command. Each command is imported when it is called, so that ``--help`` stays quick."""

import os
import sys
from collections.abc import Mapping, Sequence

from cyclopts import App, CycloptsError, Parameter

from paddock.core.errors import PaddockError
from paddock.entrypoints.cli.streams import open_streams, spell_out

OK, WRONG, MISUSED, FAULT, INTERRUPTED, HUNG_UP = 0, 1, 2, 70, 130, 141
"""Exit codes: 70 is BSD's EX_SOFTWARE; the last two are what a shell reports for SIGINT and SIGPIPE."""

_HELP = """Run GitHub Actions jobs on machines of your own: one machine per job, gone when the job ends.

New here? **paddock demo** runs a whole fleet on this machine in less than a minute, with a stand-in for GitHub.
For real use write a **paddock.yml** (**paddock config example** prints one) and start **paddock local**.
**jobs**, **explain**, **pause**, **resume**, **pools**, **cost**, **circuit** and **housekeeping** speak of it, or
with **--profile aws** of one on AWS.
"""
_COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("demo:demo", "Run a whole fleet here, with a stand-in for GitHub."),
    "local": ("local:local", "Serve a real GitHub with machines that are processes here."),
    "simulate": ("simulate:simulate", "Try configurations on a day's load, in virtual time."),
    "dashboard": ("dashboard:dashboard", "Draw what CloudWatch would show of a simulated day."),
    "labels": ("labels:labels", "Say what a runs-on asks for, or what is wrong with it."),
    "jobs": ("state:jobs", "List the fleet's jobs."),
    "explain": ("state:explain", "Tell a job's story: every decision and its reason."),
    "pools": ("pools:pools", "Show the warm pools, or what would be done about them."),
    "cost": ("cost:cost", "Say what the machines cost, and for whom."),
    "acceptance": ("acceptance:acceptance", "Try a throw-away fleet on AWS with real workflows."),
    "agent": ("agent:agent", "Run a machine's agent by hand, or check a machine."),
    "pause": ("state:pause", "Launch nothing more until resumed."),
    "resume": ("state:resume", "Launch again, and wake what waits."),
    "release": ("release:release", "Have jobs tried again that were given up."),
    "doctor": ("doctor:doctor", "Say what is wrong with a fleet, its account and its App, and how to mend it."),
}
_CONFIG: Mapping[str, tuple[str, str]] = {
    "validate": ("config:validate", "Check a paddock.yml and name every problem."),
    "example": ("config:example", "Print a commented paddock.yml to start from."),
}
_CIRCUIT: Mapping[str, tuple[str, str]] = {
    "list": ("circuit:list_", "List the circuits of the spot breaker."),
    "open": ("circuit:open_", "Ask for no spot machines of a type for a while."),
    "close": ("circuit:close", "Ask for spot machines of a type again."),
}
_GITHUB: Mapping[str, tuple[str, str]] = {
    "setup": ("github:setup", "Make the fleet's GitHub App, with a few clicks."),
    "webhook": ("github:webhook", "Say where the App's webhooks go, or have them go elsewhere."),
}
_HOUSEKEEPING: Mapping[str, tuple[str, str]] = {
    "run": ("housekeeping:run", "Have a task done now, or see what it would do."),
    "status": ("housekeeping:status", "Say how each task goes."),
}
_STACK: Mapping[str, tuple[str, str]] = {
    "package": ("stack:package", "Build what a stack runs, and say how large it is."),
    "deploy": ("stack:deploy", "Make an environment's stack, or bring it up to date."),
    "diff": ("stack:diff", "Show what a deployment would change."),
    "status": ("stack:status", "Say how a stack stands."),
    "destroy": ("stack:destroy", "Remove an environment and all that is in it."),
    "cost": ("stack:cost", "Add up what a stack costs while no job comes."),
    "template": ("stack:template", "Print a stack's template."),
}
_WORKLOAD: Mapping[str, tuple[str, str]] = {
    "generate": ("workload:generate", "Make up a load from published figures of CI."),
    "record": ("workload:record", "Record your own load from GitHub's history."),
    "show": ("workload:show", "Say what is in a load."),
}
_GROUPS: Mapping[str, tuple[str, Mapping[str, tuple[str, str]]]] = {
    "config": ("Write and check paddock.yml.", _CONFIG),
    "circuit": ("Look at the spot circuit breaker, and switch it by hand.", _CIRCUIT),
    "github": ("Make the fleet's GitHub App, and change where its webhooks go.", _GITHUB),
    "housekeeping": ("Look at the tasks that keep the fleet clean, and have one done.", _HOUSEKEEPING),
    "stack": ("Make, change, look at and remove a fleet on AWS.", _STACK),
    "workload": ("Make, record and look at loads to simulate.", _WORKLOAD),
}


def command_line(words: Sequence[str]) -> App:
    """The command line for a call of these words.

    A command that they name is imported anyway and tells its own help, whole; the others are listed by one sentence.
    """
    app = App(
        name="paddock",
        help=_HELP,
        help_format="markdown",
        version=_version,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative="", show_default=_default),
    )
    parents = [(app, _COMMANDS)]
    for group, (summary, commands) in _GROUPS.items():
        parents.append((App(name=group, help=summary, help_format="markdown"), commands))
        app.command(parents[-1][0])
    for parent, commands in parents:
        for name, (target, summary) in commands.items():
            path = f"paddock.entrypoints.cli.{target}"
            parent.command(path, name=name, help=None if name in words else summary, help_format="markdown")
    return app


def _default(value: object) -> str | None:
    """What help says of a default: nothing of an option that is off, or names nothing, if left out."""
    return str(value) if value else None


def main(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one return per way it can end
    """Run the command line; the exit code.

    0 done, 1 it went wrong, 2 it was asked wrongly, 70 a fault of Paddock's own, 130 interrupted. What went wrong is
    one message on stderr, never a traceback.
    """
    open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    spell_out()
    try:
        if words[:1] == ["agent"] and words[1:] and not words[1].startswith("-"):
            # The agent's own commands have their own help and their own errors.
            return _agent(words[1:])
        outcome = command_line(words)(words, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        from paddock.entrypoints.cli.misuse import told as said_of  # noqa: PLC0415 - needed for nothing else

        return _say(f"{said_of(error)} {_where_to_look(words)}", MISUSED)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except PaddockError as error:
        return _say("\n".join([str(error), *getattr(error, "__notes__", ())]), WRONG)
    except (BrokenPipeError, SystemExit):  # SystemExit: rich's way to say the same
        # Whoever read us has enough (`paddock jobs | head`); what Python still wants to flush at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return HUNG_UP
    except OSError as error:
        return _say(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), WRONG)
    except Exception as error:  # noqa: BLE001 - the last place where a fault of ours can be told in words
        from paddock.entrypoints.cli.faults import told  # noqa: PLC0415 - needed for nothing else

        return _say(told(error, words), FAULT)
    return outcome if isinstance(outcome, int) else OK


def _agent(words: Sequence[str]) -> int:
    from paddock.entrypoints.cli.agent import agent  # noqa: PLC0415 - as all commands: when it is called

    return agent(*words)


def _say(text: str, code: int) -> int:
    print(f"paddock: {text}", file=sys.stderr)
    return code


def _where_to_look(words: Sequence[str]) -> str:
    known = [word for word in words[:1] if word in _COMMANDS or word in _GROUPS]
    known += [word for word in words[1:2] if known and word in _GROUPS.get(known[0], ("", {}))[1]]
    return f"Try `{' '.join(['paddock', *known, '--help'])}`."


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - costs 20 ms that no other command should pay

    return version("paddock")


if __name__ == "__main__":
    sys.exit(main())
