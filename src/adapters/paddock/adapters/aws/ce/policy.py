"""What a role needs in order to read the account's costs, as statements of IAM.

AWS restricts it to nothing: who has it may read what the whole account costs.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

Statement: TypeAlias = Mapping[str, str | Sequence[str]]

COSTS: Final[Sequence[Statement]] = ({"Effect": "Allow", "Action": ["ce:GetCostAndUsage"], "Resource": ["*"]},)
