"""What CloudFormation's codes mean. Source: its API reference, for the operations that we call."""

from paddock.adapters.aws_codes import Codes
from paddock.core.errors import Busy, NotFound, Rejected

CODES: Codes = {
    # Of a description it says that there is no such stack; of all else that a parameter is wrong.
    "ValidationError": Rejected,
    "ChangeSetNotFound": NotFound,
    "ChangeSetNotFoundException": NotFound,
    "StackNotFoundException": NotFound,
    "AlreadyExistsException": Rejected,
    "LimitExceededException": Rejected,  # the account's number of stacks: no wait mends it
    "InsufficientCapabilities": Rejected,
    "InsufficientCapabilitiesException": Rejected,
    "InvalidChangeSetStatus": Busy,
    "InvalidChangeSetStatusException": Busy,
    "TokenAlreadyExistsException": Rejected,
    "OperationInProgressException": Busy,
}
