"""Splits a stream of bytes into lines, in bounded memory and in time that grows with the bytes alone."""

MAX_LINE = 1_000_000  # bytes; a longer line is dropped whole, because its end is what counts


class Lines:
    """One stream's lines."""

    def __init__(self, longest: int = MAX_LINE) -> None:
        """Args: how many bytes a line may have."""
        self._longest = longest
        self._rest: list[bytes] = []  # joined when the line's end has come, not at every piece
        self._size = 0
        self._skipping = False
        self.dropped = 0

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete now."""
        head, end, tail = data.partition(b"\n")
        self._keep(head)
        if not end:
            return []
        whole = [b"".join(self._rest)] if not self._skipping else []
        self._rest, self._size, self._skipping = [], 0, False
        *lines, last = tail.split(b"\n")
        self._keep(last)
        self.dropped += sum(len(line) > self._longest for line in lines)
        return [line.decode("utf-8", errors="replace") for line in (*whole, *lines) if len(line) <= self._longest]

    def finish(self) -> list[str]:
        """What came after the last line's end."""
        return self.feed(b"\n") if self._rest or self._skipping else []

    def _keep(self, piece: bytes) -> None:
        if self._skipping or not piece:
            return
        self._size += len(piece)
        if self._size > self._longest:
            self._rest, self._size, self._skipping = [], 0, True
            self.dropped += 1
        else:
            self._rest.append(piece)
