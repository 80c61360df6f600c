"""Messages as the text that travels, for every queue that keeps text."""

import json
from typing import Any

from paddock.core.codec import message_from_data, message_to_data
from paddock.core.errors import InvalidInput


def message_text(message: object) -> str:
    """The message as one line of JSON."""
    return json.dumps(message_to_data(message), separators=(",", ":"))


def message_in(text: str) -> Any:  # noqa: ANN401 - the kind is in the text; callers match on it
    """The message in the text.

    Raises:
        InvalidInput: it is not JSON, or not a message that this version reads. No other error, whatever the text is.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("message", f"{len(text)} characters", f"must be JSON: {error}") from error
    return message_from_data(data)
