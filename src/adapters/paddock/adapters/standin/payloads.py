"""GitHub's JSON of jobs, runs, runners and check runs, and the webhook payloads made of them."""

from paddock.adapters.memory.github import CheckRun, Event, JobRecord, Repository, RunnerRecord, RunRecord, StepRecord
from paddock.adapters.memory.github.ports import INSTALLATION_ID
from paddock.adapters.standin.people import Json, Place, hook_repository, minimal_repository, organization, user
from paddock.core.units import Moment, rfc3339

ACTOR = "octocat"


def stamp(moment: Moment | None) -> str | None:
    """The moment in GitHub's form, or null."""
    return None if moment is None else rfc3339(moment)


def job(place: Place, record: JobRecord) -> Json:
    """A workflow job, as REST shows it; webhooks send the same object."""
    api, page = place.repository_api(record.repository), f"{place.web}/{record.repository}"
    return {
        "id": record.id,
        "run_id": record.run_id,
        "workflow_name": record.workflow,
        "head_branch": record.head_branch,
        "run_url": f"{api}/actions/runs/{record.run_id}",
        "run_attempt": record.attempt,
        "node_id": f"CR_{record.id:012x}",
        "head_sha": record.head_sha,
        "url": f"{api}/actions/jobs/{record.id}",
        "html_url": f"{page}/actions/runs/{record.run_id}/job/{record.id}",
        "status": record.status.value,
        "conclusion": record.conclusion,
        "created_at": stamp(record.created_at),
        # GitHub fills this of jobs that never started, too.
        "started_at": stamp(record.started_at or record.completed_at or record.created_at),
        "completed_at": stamp(record.completed_at),
        "name": record.name,
        "steps": [step(one) for one in record.steps],
        "check_run_url": f"{api}/check-runs/{record.id}",
        "labels": list(record.labels),
        "runner_id": record.runner_id,
        "runner_name": record.runner_name,
        "runner_group_id": record.runner_group,
        "runner_group_name": None if record.runner_group is None else "Default",
    }


def step(record: StepRecord) -> Json:
    """A step of a job."""
    return {
        "name": record.name,
        "status": record.status,
        "conclusion": record.conclusion,
        "number": record.number,
        "started_at": stamp(record.started_at),
        "completed_at": stamp(record.completed_at),
    }


def run(place: Place, record: RunRecord, home: Repository) -> Json:
    """A workflow run."""
    api = place.repository_api(record.repository)
    url = f"{api}/actions/runs/{record.id}"
    suite = record.id + 40_000_000_000
    author = {"name": "The Octocat", "email": "octocat@users.noreply.github.com"}
    head = Repository(home.id + 1, record.head_repository, home.private)
    fork = head.full_name.casefold() != home.full_name.casefold()
    return {
        "id": record.id,
        "name": record.workflow,
        "node_id": f"WFR_{record.id:012x}",
        "head_branch": record.head_branch,
        "head_sha": record.head_sha,
        "path": f".github/workflows/{record.workflow}.yml",
        "display_title": record.title or f"Run {record.number}",
        "run_number": record.number,
        "event": record.event,
        "status": record.status.value,
        "conclusion": record.conclusion,
        "workflow_id": record.workflow_id,
        "check_suite_id": suite,
        "check_suite_node_id": f"CS_{suite:012x}",
        "url": url,
        "html_url": f"{place.web}/{record.repository}/actions/runs/{record.id}",
        "pull_requests": [],
        "created_at": stamp(record.created_at),
        "updated_at": stamp(record.updated_at),
        "actor": user(place, ACTOR),
        "run_attempt": record.attempt,
        "referenced_workflows": [],
        "run_started_at": stamp(record.started_at),
        "triggering_actor": user(place, ACTOR),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{api}/check-suites/{suite}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{record.attempt - 1}" if record.attempt > 1 else None,
        "workflow_url": f"{api}/actions/workflows/{record.workflow_id}",
        "head_commit": {
            "id": record.head_sha,
            "tree_id": record.head_sha[::-1],
            "message": f"Run {record.number}",
            "timestamp": stamp(record.created_at),
            "author": author,
            "committer": author,
        },
        "repository": minimal_repository(place, home),
        "head_repository": {**minimal_repository(place, head if fork else home), "fork": fork},
    }


def runner(record: RunnerRecord) -> Json:
    """A runner registration. Its system is unknown until it has connected."""
    return {
        "id": record.id,
        "name": record.name,
        "os": "Linux" if record.connected_at is not None else "unknown",
        "status": "online" if record.online else "offline",
        "busy": record.busy,
        "labels": [{"id": 0, "name": label, "type": "custom"} for label in record.labels],
        "runner_group_id": record.group,
        "ephemeral": record.ephemeral,
        "version": record.version or None,
    }


def check_run(place: Place, record: CheckRun) -> Json:
    """A check run."""
    url = f"{place.repository_api(record.repository)}/check-runs/{record.id}"
    return {
        "id": record.id,
        "name": record.name,
        "node_id": f"CR_{record.id:012x}",
        "head_sha": record.head_sha,
        "external_id": "",
        "url": url,
        "html_url": f"{place.web}/{record.repository}/runs/{record.id}",
        "details_url": None,
        "status": record.status,
        "conclusion": record.conclusion,
        "started_at": stamp(record.at),
        "completed_at": stamp(record.at) if record.conclusion else None,
        "output": {
            "title": record.title,
            "summary": record.summary,
            "text": None,
            "annotations_count": 0,
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": None,
        "app": None,
        "pull_requests": [],
    }


def webhook(place: Place, event: Event) -> Json:
    """The payload of a webhook, every object in full."""
    common = {
        "repository": hook_repository(place, event.repository, event.run.created_at),
        "organization": organization(place, event.repository.owner),
        "sender": user(place, ACTOR),
        "installation": {"id": INSTALLATION_ID, "node_id": "MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9u"},
    }
    run_object = run(place, event.run, event.repository)
    if event.job is not None:
        return {"action": event.action, "workflow_job": job(place, event.job), **common}
    workflow = {
        "id": event.run.workflow_id,
        "node_id": f"W_{event.run.workflow_id:012x}",
        "name": event.run.workflow,
        "path": run_object["path"],
        "state": "active",
        "created_at": run_object["created_at"],
        "updated_at": run_object["created_at"],
        "url": run_object["workflow_url"],
        "html_url": f"{place.web}/{event.run.repository}/blob/main/{run_object['path']}",
        "badge_url": f"{place.web}/{event.run.repository}/workflows/{event.run.workflow}/badge.svg",
    }
    return {"action": event.action, "workflow_run": run_object, "workflow": workflow, **common}
