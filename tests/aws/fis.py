"""AWS FIS, as far as an acceptance needs it: requests held to botocore's model, and a machine that is warned.

moto has no experiments. Source: "AWS Fault Injection Service User Guide", the action that interrupts spot machines.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.validate import ParamValidator

from tests.aws.judge import REGION, model
from tests.aws.machine import ACCOUNT
from tests.http_stub import Answer, Seen, http_stub

ROLE = re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@-]+")
MACHINE = re.compile(rf"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/(i-[0-9a-f]+)")
NOTICE = re.compile(r"PT([2-9]|1[0-5])M")
ACTION = "aws:ec2:send-spot-instance-interruptions"


class FisStandIn:
    """The server's ``url``. ``interrupt`` gets a machine's id, and says whether it is a spot machine that lives.

    ``denied``: every call is refused for want of rights. ``young``: so many experiments fail as a new role has them
    fail. ``templates`` are those that there are.
    """

    def __init__(self, url: str, interrupt: Callable[[str], bool]) -> None:
        self.url, self._interrupt = url, interrupt
        self.denied, self.young = False, 0
        self.templates: dict[str, dict[str, Any]] = {}
        self.experiments: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    def answer(self, seen: Seen) -> Answer:
        """Any request."""
        if self.denied:
            return _error(403, "AccessDeniedException", "User is not authorized to perform this action")
        kind, _, name = seen.path.strip("/").partition("/")
        acts: dict[tuple[str, str], tuple[str, Callable[[Any], Answer]]] = {
            ("POST", "experimentTemplates"): ("CreateExperimentTemplate", self._create),
            ("GET", "experimentTemplates"): ("ListExperimentTemplates", self._list),
            ("DELETE", "experimentTemplates"): ("DeleteExperimentTemplate", self._delete),
            ("POST", "experiments"): ("StartExperiment", self._start),
            ("GET", "experiments"): ("GetExperiment", self._get),
        }
        operation, act = acts[seen.method, kind]
        asked = {**(seen.json if seen.body else {}), **({"id": name} if name else {})}
        report = ParamValidator().validate(asked, model("fis").operation_model(operation).input_shape)
        if report.has_errors():
            return _error(400, "ValidationException", report.generate_report())
        return act(asked)

    def _create(self, asked: Any) -> Answer:  # noqa: ANN401 - JSON
        targets, actions = asked.get("targets", {}), asked["actions"]
        if not ROLE.fullmatch(asked["roleArn"]):
            return _error(400, "ValidationException", "roleArn is invalid")
        for action in actions.values():
            named = action.get("targets", {})
            if action["actionId"] != ACTION or set(named) != {"SpotInstances"}:
                return _error(400, "ValidationException", f"{action['actionId']} has other targets")
            if not NOTICE.fullmatch(action.get("parameters", {}).get("durationBeforeInterruption", "")):
                return _error(400, "ValidationException", "durationBeforeInterruption must be PT2M to PT15M")
            target = targets.get(named["SpotInstances"], {})
            arns = target.get("resourceArns", [])
            if target.get("resourceType") != "aws:ec2:spot-instance" or not all(map(MACHINE.fullmatch, arns)):
                return _error(400, "ValidationException", "the target is no spot instance")
        made = {**asked, "id": f"EXT{next(self._numbers):014}"}
        self.templates[made["id"]] = made
        return Answer(200, {"experimentTemplate": {"id": made["id"], "roleArn": made["roleArn"]}})

    def _list(self, _: Any) -> Answer:  # noqa: ANN401 - JSON
        shown = [{"id": one["id"], "tags": one.get("tags", {})} for one in self.templates.values()]
        return Answer(200, {"experimentTemplates": shown})

    def _delete(self, asked: Any) -> Answer:  # noqa: ANN401 - JSON
        if self.templates.pop(asked["id"], None) is None:
            return _error(404, "ResourceNotFoundException", f"{asked['id']} does not exist")
        return Answer(200, {"experimentTemplate": {"id": asked["id"]}})

    def _start(self, asked: Any) -> Answer:  # noqa: ANN401 - JSON
        template = self.templates.get(asked["experimentTemplateId"])
        if template is None:
            return _error(404, "ResourceNotFoundException", f"{asked['experimentTemplateId']} does not exist")
        id_ = f"EXP{next(self._numbers):014}"
        self.experiments[id_] = {"id": id_, "state": {"status": "initiating"}, "template": template}
        return Answer(200, {"experiment": {"id": id_, "state": {"status": "initiating"}}})

    def _get(self, asked: Any) -> Answer:  # noqa: ANN401 - JSON
        found = self.experiments.get(asked["id"])
        if found is None:
            return _error(404, "ResourceNotFoundException", f"{asked['id']} does not exist")
        if found["state"]["status"] == "initiating":
            found["state"] = self._run(found["template"])
        return Answer(200, {"experiment": {"id": found["id"], "state": found["state"]}})

    def _run(self, template: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
        if self.young:
            self.young -= 1
            return {"status": "failed", "reason": "Unable to assume role"}
        arns = [arn for target in template["targets"].values() for arn in target["resourceArns"]]
        machines = [found[1] for found in map(MACHINE.fullmatch, arns) if found]
        if not all(map(self._interrupt, machines)):
            return {"status": "failed", "reason": "Target resolution returned empty set"}
        return {"status": "running"}


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"message": message}, {"x-amzn-ErrorType": code})


@contextmanager
def fis_standin(interrupt: Callable[[str], bool]) -> Iterator[FisStandIn]:
    """A server, and nothing of it afterwards."""
    with http_stub() as stub:
        made = FisStandIn(stub.url, interrupt)
        stub.answer = made.answer  # type: ignore[method-assign]  # any path
        yield made
