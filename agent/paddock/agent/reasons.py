"""Why a machine did not serve its job: the one list of reason slugs, and the error that carries one."""

from enum import StrEnum


class Reason(StrEnum):
    """The ``reason`` of a report. Slugs are stable: the control plane counts and compares them."""

    # Before the runner was started.
    ASSIGNMENT_DEADLINE = "assignment_deadline"  # nobody gave this machine an assignment in time
    BAD_ASSIGNMENT = "bad_assignment"  # a field is missing or wrong
    BAD_SETTINGS = "bad_settings"  # the machine's own settings file: a field is missing or wrong
    ASSIGNMENT_UNREADABLE = (
        "assignment_unreadable"  # the table refuses this machine, or could not be asked until the end
    )
    ASSIGNMENT_TAKEN = "assignment_taken"  # an earlier life of this machine has it: it is not served twice
    LOW_DISK = "low_disk"  # too little free space for the package
    DOWNLOAD_FAILED = "download_failed"
    DIGEST_MISMATCH = "digest_mismatch"  # the bytes are not those that were published
    DIGEST_UNCONFIRMED = "digest_unconfirmed"  # fewer than two places vouch for the package's digest
    DIGEST_DISAGREEMENT = "digest_disagreement"  # two places name different digests for it
    BAD_PACKAGE = "bad_package"  # not an archive of a runner, or one that reaches outside itself
    PREFLIGHT_FAILED = "preflight_failed"  # the Listener cannot even tell its version: a library is missing
    VERSION_MISMATCH = "version_mismatch"  # the Listener tells another version than the package's
    USER_UNUSABLE = "user_unusable"  # the job's user cannot get to its own directory
    BAD_JIT_CONFIG = "bad_jit_config"  # not for this runner, or it would write other files
    # It was to register itself, by a token.
    REGISTRATION_REFUSED = "registration_refused"  # the token, the address, or a permission: GitHub tells no more
    REGISTRATION_UNREACHABLE = "registration_unreachable"  # GitHub did not answer, or not in time
    RUNNER_NAME_TAKEN = "runner_name_taken"
    RUNNER_GROUP_UNKNOWN = "runner_group_unknown"
    NOT_EPHEMERAL = "not_ephemeral"  # the server would have given it more than one job
    REGISTRATION_FAILED = "registration_failed"  # anything else
    # The runner was started and saw no job.
    NO_JOB = "no_job"  # the idle time-out
    NOT_CONFIGURED = "not_configured"
    VERSION_TOO_OLD = "version_too_old"
    SESSION_CONFLICT = "session_conflict"
    REGISTRATION_DELETED = "registration_deleted"
    CLOCK_SKEW = "clock_skew"  # GitHub refuses a clock that is off by more than five minutes
    UPDATE_REQUIRED = "update_required"  # it updated itself, was restarted once, and wanted to again
    RETRIES_EXHAUSTED = "retries_exhausted"  # exit code 2 once more than it is restarted for
    EXITED_WITHOUT_JOB = "exited_without_job"  # exit code 0 while idle: GitHub let it go
    LISTENER_FAILED = "listener_failed"  # any other exit code
    GHOST = "ghost"  # it let a job go by, and GitHub knows its registration no more
    # It saw a job.
    ORPHAN = "orphan"  # exit code 0 without a result: GitHub holds the job for a runner that is gone
    LISTENER_DIED = "listener_died"  # any other exit code without a result
    ABANDONED = "abandoned"  # the Listener gave the job up: its lease was lost
    MAX_RUNTIME = "max_runtime"
    WORKER_DIED = "worker_died"  # the Worker was there and is not, and the Listener does not care
    # At any time.
    SPOT_NOTICE = "spot_notice"  # the machine is about to be taken
    REBALANCE = "rebalance"  # it might be; told in passing, nothing ends
    DISK_FULL = "disk_full"  # too little free space to go on
    SIGTERM = "sigterm"  # the machine was told to stop
    AGENT_ERROR = "agent_error"  # a fault of ours
    AGENT_DIED = "agent_died"  # the agent was killed; what came after it told so in its place


class AgentFailure(Exception):  # noqa: N818 - named for what it means to the machine, not for its mechanism
    """The machine cannot serve: `reason` for the control plane, the text for people (never with a secret in it)."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Args: the slug, and a sentence naming what was wrong."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Stopped(BaseException):
    """The machine was told to stop while it had nothing to lose. No handler of errors may eat it."""
