"""Taking a spot machine back on purpose: an experiment of AWS FIS, with a role that is made for it and removed.

Source: "AWS Fault Injection Service User Guide", ``aws:ec2:send-spot-instance-interruptions``; its shapes are
botocore's. Two minutes is the shortest notice that FIS gives, and it is EC2's own.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import attrs

from paddock.adapters.aws.codes import FIS, IAM
from paddock.adapters.aws.ec2.errors import CODES as EC2
from paddock.adapters.aws.errors import Asking
from paddock.core.errors import AccessDenied, NotFound, PaddockError, Rejected
from paddock.core.ports.system import Clock, Ids, Sleeper
from paddock.core.units import SECOND, Span
from paddock.entrypoints.acceptance.ports import Tell
from paddock.entrypoints.acceptance.values import Interruption
from paddock.entrypoints.aws_stack.deploy import FLEET
from paddock.entrypoints.aws_stack.places import Places

ACTION: Final = "aws:ec2:send-spot-instance-interruptions"
NOTICE: Final = "PT2M"
TARGET: Final = "aws:ec2:spot-instance"
_TARGETS: Final = "SpotInstances"  # the action's own name for them
_POLICY: Final = "interrupt"
_RUNS: Final = frozenset({"running", "completed"})
_BEGINS: Final = frozenset({"pending", "initiating"})
_ec2: Final = Asking(EC2)
_fis: Final = Asking(FIS)
_iam: Final = Asking(IAM)


@attrs.define(kw_only=True)
class FisInterrupter:
    """See `paddock.entrypoints.acceptance.ports.Interrupter`. IAM tells of a new role late: so there are ``tries``.

    ``made_role``: there may be one to remove; ``sought``: whether it is there is looked for in the end.
    """

    places: Places
    stack: str
    clock: Clock
    sleeper: Sleeper
    ids: Ids
    boundary: str = ""
    tries: int = 6
    pause: Span = 5 * SECOND
    looks: int = 24
    templates: list[str] = attrs.field(factory=list)
    made_role: bool = False
    sought: bool = False

    @property
    def role(self) -> str:
        """The name of the role that FIS takes on."""
        return f"{self.stack}-acceptance-fis"

    def adopt(self) -> None:
        """Take what an earlier acceptance of the environment left for one's own."""
        self.made_role = self.sought = True
        fis = self.places.client("fis")
        try:
            more: dict[str, str] = {}
            while True:
                page = _fis(fis.list_experiment_templates, **more)
                mine = [
                    one["id"] for one in page["experimentTemplates"] if one.get("tags", {}).get(FLEET) == self.stack
                ]
                self.templates += [one for one in mine if one not in self.templates]
                if not page.get("nextToken"):
                    return
                more = {"nextToken": page["nextToken"]}
        finally:
            fis.close()

    def interrupt(self, machine: str) -> Interruption:
        """See the port."""
        try:
            if not self._is_spot(machine):
                return Interruption(machine=machine, why="its machine is on demand: there was no spot capacity")
            template = self._template(machine, self._role())
            return self._started(machine, template)
        except AccessDenied as error:
            return Interruption(machine=machine, why=f"skipped for want of rights: {error}")
        except PaddockError as error:
            return Interruption(machine=machine, why=str(error))

    def clean(self, tell: Tell) -> None:
        """See the port."""
        fis = self.places.client("fis")
        try:
            while self.templates:
                self._gone(_fis, fis.delete_experiment_template, id=self.templates[-1])
                self.templates.pop()
        finally:
            fis.close()
        if self.made_role:
            iam = self.places.client("iam")
            try:
                self._gone(_iam, iam.delete_role_policy, RoleName=self.role, PolicyName=_POLICY)
                self._gone(_iam, iam.delete_role, RoleName=self.role)
            finally:
                iam.close()
            self.made_role = False
            tell(f"the role {self.role} is gone")

    def left(self) -> tuple[str, ...]:
        """See the port. The role, which no tag's index tells of, and templates that did not go."""
        templates = tuple(f"experiment template {template}" for template in self.templates)
        if not self.sought:
            return templates
        iam = self.places.client("iam")
        try:
            _iam(iam.get_role, RoleName=self.role)
        except NotFound:
            return templates
        finally:
            iam.close()
        return (f"role {self.role}", *templates)

    @staticmethod
    def _gone(ask: Asking, operation: Any, **what: str) -> None:  # noqa: ANN401 - a client's method
        try:
            ask(operation, **what)
        except NotFound:
            return

    def _is_spot(self, machine: str) -> bool:
        found = _ec2(self.places.ec2.describe_instances, InstanceIds=[machine])
        return any(
            one.get("InstanceLifecycle") == "spot" for each in found["Reservations"] for one in each["Instances"]
        )

    def _role(self) -> str:
        """The role's ARN; it may interrupt the fleet's machines and nothing else."""
        trusted = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "fis.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        own = {"StringEquals": {f"ec2:ResourceTag/{FLEET}": self.stack}}
        instances = f"arn:{self.places.partition}:ec2:{self.places.region}:{self.places.account}:instance/*"
        may = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "ec2:SendSpotInstanceInterruptions",
                    "Resource": instances,
                    "Condition": own,
                },
                {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"},
            ],
        }
        bounded = {"PermissionsBoundary": self.boundary} if self.boundary else {}
        iam = self.places.client("iam")
        try:
            if not self.made_role:
                # Before it is made: if the answer is lost, it is removed all the same.
                self.made_role = self.sought = True
                try:
                    made = _iam(
                        iam.create_role,
                        RoleName=self.role,
                        AssumeRolePolicyDocument=json.dumps(trusted),
                        Tags=[{"Key": FLEET, "Value": self.stack}],
                        **bounded,
                    )
                except AccessDenied:
                    self.made_role = self.sought = False
                    raise
                _iam(iam.put_role_policy, RoleName=self.role, PolicyName=_POLICY, PolicyDocument=json.dumps(may))
            else:
                made = _iam(iam.get_role, RoleName=self.role)
            arn: str = made["Role"]["Arn"]
            return arn
        finally:
            iam.close()

    def _template(self, machine: str, role: str) -> str:
        places = self.places
        arn = f"arn:{places.partition}:ec2:{places.region}:{places.account}:instance/{machine}"
        target = {"resourceType": TARGET, "resourceArns": [arn], "selectionMode": "ALL"}
        action = {
            "actionId": ACTION,
            "parameters": {"durationBeforeInterruption": NOTICE},
            "targets": {_TARGETS: "machine"},
        }
        return self._again(
            lambda fis: _fis(
                fis.create_experiment_template,
                clientToken=self.ids.token(),
                description=f"takes one machine of {self.stack} back, as paddock acceptance asks",
                stopConditions=[{"source": "none"}],
                targets={"machine": target},
                actions={"interrupt": action},
                roleArn=role,
                tags={FLEET: self.stack},
            ),
            lambda _, made: self._noted(made["experimentTemplate"]["id"]),
        )

    def _noted(self, template: str) -> str:
        self.templates.append(template)
        return template

    def _started(self, machine: str, template: str) -> Interruption:
        """The experiment, once it runs."""
        asked = self.clock.now()
        why = self._again(
            lambda fis: _fis(
                fis.start_experiment,
                clientToken=self.ids.token(),
                experimentTemplateId=template,
                tags={FLEET: self.stack},
            ),
            lambda fis, made: self._refused(fis, made["experiment"]),
        )
        return Interruption(machine=machine, why=why, asked_at=None if why else asked)

    def _refused(self, fis: Any, experiment: Any) -> str:  # noqa: ANN401 - a client of boto3's, and its answer
        """Why an experiment came to nothing; "" once it runs."""
        for _ in range(self.looks):
            state = experiment["state"]
            if state["status"] in _RUNS:
                return ""
            if state["status"] not in _BEGINS:
                raise Rejected(f"FIS: the experiment {state['status']}: {state.get('reason', 'without a reason')}")
            self.sleeper.sleep(self.pause)
            experiment = _fis(fis.get_experiment, id=experiment["id"])["experiment"]
        return "FIS: the experiment did not begin"

    def _again(self, ask: Callable[[Any], Any], then: Callable[[Any, Any], str]) -> str:
        """Ask as often as the role may be too new for FIS to take it on."""
        fis = self.places.client("fis")
        try:
            for _ in range(self.tries - 1):
                try:
                    return then(fis, ask(fis))
                except Rejected:
                    self.sleeper.sleep(self.pause)
            return then(fis, ask(fis))
        finally:
            fis.close()
