"""The platform of one EC2 machine, put together from its settings file and its metadata."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from secrets import token_hex

from paddock.agent.aws.addresses import bucket_address, endpoint, user_id
from paddock.agent.aws.assignments import ItemAssignmentSource
from paddock.agent.aws.config import Config
from paddock.agent.aws.credentials import RoleCredentials, Signer
from paddock.agent.aws.errors import AwsError
from paddock.agent.aws.imds import ADDRESS, Imds, ImdsNotices
from paddock.agent.aws.item import OwnItem
from paddock.agent.aws.log_role import assumed
from paddock.agent.aws.logs import CloudWatchLogs
from paddock.agent.aws.reports import QueueTransport
from paddock.agent.aws.s3 import S3Archive, S3Mirror
from paddock.agent.aws.service import Patience, Service
from paddock.agent.ports import Clock, Identity
from paddock.agent.telling.log import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Ec2:
    """What EC2 gives the agent. ``archive`` and ``mirror`` are None where the settings name no bucket.

    ``standby``: a pool keeps this machine, by its settings or its tag.
    """

    identity: Identity
    standby: bool
    user_id: str
    source: ItemAssignmentSource
    transport: QueueTransport
    notices: ImdsNotices
    archive: S3Archive | None
    mirror: S3Mirror | None
    log_store: Callable[[int], CloudWatchLogs | None]  # by job id; None without a log group
    imds: Imds
    services: tuple[Service, ...]

    def close(self) -> None:
        """Let all connections go."""
        self.imds.close()
        for service in self.services:
            service.close()


def connect(
    config: Config,
    clock: Clock,
    log: Log,
    *,
    patience: Patience | None = None,
    chance: Callable[[], float] = random.random,
    sleep: Callable[[float], None] = time.sleep,
) -> Ec2:
    """Find out who this machine is, and make everything that speaks to AWS for it.

    Args:
        config: the machine's settings.
        clock: the time.
        log: told of outages and of lines that were thrown away.
        patience: how often and how long a request is tried.
        chance: in [0, 1), for pauses.
        sleep: waits that many seconds.

    Raises:
        AwsError: the metadata service or, without a role's id in the settings, STS could not be asked.
    """
    places = config.endpoints
    patience = patience or Patience(chance=chance, sleep=sleep)
    metadata = Patience(attempts=5, timeout=1.0, cap=2.0, chance=chance, sleep=sleep)
    imds = Imds(clock, metadata, places.get("imds", ADDRESS))
    services: list[Service] = []
    with ExitStack() as undo:  # what was opened before something failed
        undo.callback(imds.close)
        identity = imds.identity()
        region = config.region or identity.region
        own_role = Signer(RoleCredentials(imds.credentials, clock), clock, region)

        def service(name: str, address: str = "", signer: Signer = own_role) -> Service:
            services.append(Service(name, address or endpoint(name, region, places), signer, patience))
            undo.callback(services[-1].close)
            return services[-1]

        standby = _kept_by_a_pool(config, imds, log)
        sts = service("sts")
        own = user_id(identity.machine, config.role_id, sts)
        undo.pop_all()
    item = OwnItem(service("dynamodb"), config.table, own)
    source = ItemAssignmentSource(
        item,
        clock=clock,
        log=log,
        hand=token_hex(16),
        chance=chance,
        sleep=sleep,
        at_once=not standby,
        standby=standby,
    )
    shipper = own_role
    if config.log_role:  # nobody is asked before there is something to ship
        keys = partial(assumed, sts, config.log_role, identity.machine)
        shipper = Signer(RoleCredentials(keys, clock), clock, region)
    logs = service("logs", signer=shipper)
    archive = mirror = None
    if config.archive_bucket:
        address, prefix = bucket_address(config.archive_bucket, region, places)
        archive = S3Archive(service("s3", address), prefix, own)
    if config.cache_bucket:
        address, prefix = bucket_address(config.cache_bucket, region, places)
        mirror = S3Mirror(service("s3", address), prefix)

    def log_store(job_id: int) -> CloudWatchLogs | None:
        if not config.log_group:
            return None
        stream = f"{identity.machine}/{job_id}"
        return CloudWatchLogs(
            logs, config.log_group, stream, lambda count, why: log.write("log_rejected", count=count, why=why)
        )

    return Ec2(
        identity=identity,
        standby=standby,
        user_id=own,
        source=source,
        transport=QueueTransport(service("sqs"), config.reports_queue_url, item),
        notices=ImdsNotices(imds, identity.market),
        archive=archive,
        mirror=mirror,
        log_store=log_store,
        imds=imds,
        services=tuple(services),
    )


def _kept_by_a_pool(config: Config, imds: Imds, log: Log) -> bool:
    """Where that cannot be found out no pool does: it waits for orders no longer than one for a job."""
    if config.standby is not None:
        return config.standby
    try:
        return imds.stock() != ""
    except AwsError as error:
        log.write("standby_unknown", error=str(error))
        return False
