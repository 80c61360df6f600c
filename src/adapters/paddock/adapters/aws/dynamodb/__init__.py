"""The table on DynamoDB: records of every kind, and machines' assignments, as items of one table."""

from paddock.adapters.aws.dynamodb.assignments import DynamoAssignments
from paddock.adapters.aws.dynamodb.definition import TABLE
from paddock.adapters.aws.dynamodb.handover import DynamoHandover
from paddock.adapters.aws.dynamodb.records import DynamoRecords
from paddock.adapters.aws.dynamodb.table import Table
from paddock.adapters.aws.dynamodb.together import DynamoTogether

__all__ = ["TABLE", "DynamoAssignments", "DynamoHandover", "DynamoRecords", "DynamoTogether", "Table"]
