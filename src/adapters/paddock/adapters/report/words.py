"""People's words for what the use-cases write down as slugs: who decided, what, and with which facts."""

import re
from collections.abc import Callable, Mapping

from paddock.core.decision import Fact
from paddock.core.units import SECOND, money_text, span_text

PADDOCK = "Paddock"
_ACTORS: Mapping[str, str] = {
    "intake": "the webhook endpoint",
    "dispatch": "the dispatcher",
    "admission": "the dispatcher",
    "life": "the dispatcher",
    "assign": "the dispatcher",
    "retire": "the clean-up of machines",
    "adopt": "the regular check of machines",
    "sweep": "the regular check of machines",
    "sweep_github": "the comparison with GitHub",
    "dead_letters": "the redrive of dead letters",
    "stale_registrations": "the clean-up of registrations",
    "quarantined": "the look at jobs that were given up",
    "claims": "the pools",
    "pools": "the pools",
    "tasks": "an operator",
    "completion": "what GitHub and the machine reported",
    "operate": "an operator",
    "offers": "the choice of machines",
    "circuits": "the circuit breaker",
    "interruption": "the cloud's warnings",
    "reruns": "the re-run of lost jobs",
    "reports": "the check of who sent a report",
    "fleet": PADDOCK,
}
# Where the same part of the program decides for several reasons, the reason is whose it is.
_DECIDED_BY: Mapping[tuple[str, str], str] = {
    ("life", "relaunch"): "the retry policy",
    ("life", "abandoned"): "the retry policy",
    ("life", "no_capacity"): "the retry policy",
    ("life", "put_off"): "the retry policy",
    ("life", "denied"): "the retry policy",
    ("life", "running"): "GitHub",
    ("life", "swapped"): "GitHub's choice of runner",
    ("life", "displaced"): "GitHub's choice of runner",
    ("life", "missing"): "GitHub",
    ("life", "released"): "an operator",
    ("life", "woken"): "the regular check of jobs",
    ("completion", "finished"): "GitHub",
    ("completion", "cancelled"): "GitHub",
    ("completion", "early"): "GitHub",
    ("completion", "corrected"): "GitHub",
    ("completion", "ready"): "the machine",
    ("completion", "busy"): "the machine",
    ("completion", "served"): "the machine",
    ("completion", "failed_to_start"): "the machine",
}
_LIMITS = ("paused", "machine_limit", "vcpu_limit", "repository_limit", "launch_rate", "spend_limit")
_REFUSALS = ("outside_allow_list", "bad_labels", "no_instance_type", "fork", "unsupported")
_VERDICTS: Mapping[str, str] = {
    **dict.fromkeys(_LIMITS, "waits"),
    **dict.fromkeys(_REFUSALS, "refused"),
    "queued": "taken up",
    "duplicate": "told twice",
    "early": "heard of too early",
    "adopted": "taken up",
    "launched": "got a machine",
    "delayed": "tries again later",
    "resumed": "goes on",
    "relaunch": "back to the queue",
    "no_capacity": "no machine could be had",
    "put_off": "tries again later",
    "denied": "AWS refused to start a machine",
    "displaced": "back to the queue",
    "released": "back to the queue",
    "settled": "over at GitHub",
    "swapped": "got another job's machine",
    "woken": "looked at again",
    "running": "started",
    "ready": "waits for a job",
    "busy": "at work",
    "finished": "ended",
    "served": "did its work",
    "gone": "gone",
    "surplus": "ended, not needed",
    "draining": "takes no more work",
    "author_not_told": "its author could not be told",
    "run_not_cancelled": "its run could not be cancelled",
    "missing": "not known to GitHub just now",
    "fault": "met a fault of ours",
    "abandoned": "given up",
    "forged_report": "spoken of by a stranger",
    "chosen": "chosen otherwise",
    "interrupted": "its machine is taken back",
    "marked": "may have to run again",
    "rerun": "runs again",
    "no_rerun": "does not run again",
    "avoided": "others are asked for first",
    "opened": "spot is avoided",
    "half_open": "spot is tried",
    "closed": "spot is used again",
}
_JARGON = "(runners are label capacity)"
_PLAIN = "(GitHub gives a job to any free runner that has its labels)"
AGENT_REASONS: Mapping[str, str] = {
    "assignment_deadline": "its machine was given no job to prepare for in time",
    "bad_assignment": "its machine was told something that it cannot use",
    "bad_settings": "its machine's own settings cannot be used",
    "assignment_unreadable": "its machine could not read what it is to do",
    "assignment_taken": "its machine came up a second time, and serves no job twice",
    "low_disk": "its machine had too little free disk for the runner",
    "download_failed": "the runner could not be downloaded",
    "digest_mismatch": "the runner that was downloaded is not the one that was published",
    "digest_unconfirmed": "fewer than two places vouch for the runner that was downloaded",
    "digest_disagreement": "two places disagree on which runner is the genuine one",
    "bad_package": "what was downloaded is no runner",
    "preflight_failed": "the runner does not start on this image: probably a library is missing",
    "version_mismatch": "the runner is of another version than its package says",
    "user_unusable": "the job's user cannot get to its own directory",
    "bad_jit_config": "what GitHub gave to register the runner by cannot be used",
    "registration_refused": "GitHub refused to register the runner",
    "registration_unreachable": "GitHub did not answer when the runner registered",
    "runner_name_taken": "GitHub has another runner of that name",
    "runner_group_unknown": "GitHub knows no such runner group",
    "not_ephemeral": "GitHub would have given the runner more than one job",
    "registration_failed": "the runner could not be registered",
    "no_job": "GitHub gave the runner no job in time",
    "not_configured": "the runner did not know where it is registered",
    "version_too_old": "GitHub refuses a runner of that age",
    "session_conflict": "GitHub takes the runner for one that is already connected",
    "registration_deleted": "GitHub no longer knows the runner",
    "clock_skew": "its machine's clock is off by so much that GitHub refuses it",
    "update_required": "the runner wanted to update itself again and again",
    "retries_exhausted": "the runner failed again each time that it was restarted",
    "exited_without_job": "the runner ended before it had a job",
    "listener_failed": "the runner failed before it had a job",
    "ghost": "the runner let a job go by, and GitHub no longer knows it",
    "orphan": "the runner ended without a result, and GitHub still holds the job for it",
    "listener_died": "the runner failed with the job at hand",
    "abandoned": "the runner gave the job up",
    "max_runtime": "the job ran for longer than it may",
    "worker_died": "the part of the runner that does the job died",
    "spot_notice": "EC2 takes the spot machine back",
    "rebalance": "EC2 may soon take the spot machine back",
    "disk_full": "the disk was full",
    "sigterm": "its machine was told to stop",
    "agent_error": "a fault of Paddock's own on the machine",
    "agent_died": "Paddock's own program on the machine was killed",
}
"""What the agent says by a slug why a machine did not serve its job (docs/agent.md), in words."""

# Where a use-case puts such a slug: alone, before what the agent adds, or in its own sentence.
_SLUG = re.compile(rf"(?:\A|(?<=because )|(?<=in the same way: )|(?<=\())(?:{'|'.join(AGENT_REASONS)})(?=\Z|\)|: )")
_CODE = re.compile(r"(?:[A-Z][a-z0-9]+){2,}: (?=\S)")


def actor_text(actor: str, verdict: str = "") -> str:
    """Who decided, in people's words. One that nobody foresaw keeps its name."""
    return _DECIDED_BY.get((actor, verdict)) or _ACTORS.get(actor) or actor.replace("_", " ")


def verdict_text(verdict: str) -> str:
    """What was decided, in people's words; a slug that is not listed is its own words."""
    return _VERDICTS.get(verdict) or verdict.replace("_", " ")


def reason_text(reason: str) -> str:
    """A reason in words that need no knowledge of the program.

    It goes without the name of an error's class or code before it: ``NoCapacity: all taken`` is ``all taken``. What the
    agent reports as a slug is told in words, with the slug behind them, by which docs/agent.md lists it.
    """
    plain = _CODE.sub("", reason, count=1) if _CODE.match(reason) else reason
    return _SLUG.sub(lambda slug: f"{AGENT_REASONS[slug[0]]} [{slug[0]}]", plain.replace(_JARGON, _PLAIN), count=1)


def fact_text(name: str, value: Fact) -> str:
    """A fact in words: ``delay_s`` 90 is ``tried again after 1 min 30 s``; most are their name and value.

    Spans of microseconds and micro-dollars have their units. Empty for a machine that did not die: that goes without
    saying.
    """
    if isinstance(value, bool):
        return _flag(name, value=value)
    if isinstance(value, int) and name in _MEASURED:
        return _MEASURED[name](value)
    if name in {"launch", "job", "machine", "runner"}:
        return f"{name} {value}"
    words = value.replace("_", " ") if name == "result" and isinstance(value, str) else value
    return f"{name.replace('_', ' ')}: {'none' if words is None else words}"


def _flag(name: str, *, value: bool) -> str:
    if name == "dead":
        return "its agent never came up" if value else ""
    return f"{name.replace('_', ' ')}: {'yes' if value else 'no'}"


def _delay(seconds: int) -> str:
    return f"tried again after {span_text(seconds * SECOND)}" if seconds else "tried again at once"


_MEASURED: Mapping[str, Callable[[int], str]] = {
    "delay_s": _delay,
    "waited": lambda span: f"waited {span_text(span)}",
    "ran": lambda span: f"ran {span_text(span)}",
    "cost": lambda amount: f"cost {money_text(amount)}",
}
