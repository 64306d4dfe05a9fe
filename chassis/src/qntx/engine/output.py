"""What a run wrote to one of its streams: kept up to a bound, counted past it."""

from __future__ import annotations


class Output:
    """Collects a stream. The mark says in the text itself that something is missing."""

    def __init__(self, name: str, bytes_max: int) -> None:
        self._name = name
        self._bytes_max = bytes_max
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self.written_bytes = 0

    @property
    def truncated(self) -> bool:
        return self.written_bytes > self._kept_bytes

    def add(self, chunk: bytes) -> bytes:
        """Keep what fits and return what is news to a listener, the mark included when it is reached."""
        was_truncated = self.truncated
        kept = chunk[: self._bytes_max - self._kept_bytes]
        self.written_bytes += len(chunk)
        if kept:
            self._kept.append(kept)
            self._kept_bytes += len(kept)
        if self.truncated and not was_truncated:
            return kept + f"\n[{self._name} cut here: the limit is {self._bytes_max} bytes]\n".encode()
        return kept

    def cut(self, position: int, marker: bytes) -> str:
        """Take away and return what was written after `position`, from the first line that starts with `marker`."""
        data = b"".join(self._kept)
        found = data.find(marker, position)
        if found < 0:
            return ""
        self._kept = [data[:found]]
        self._kept_bytes = found
        self.written_bytes -= len(data) - found
        return data[found:].decode("utf-8", "replace")

    def text(self) -> str:
        data = b"".join(self._kept)
        if not self.truncated:
            return data.decode("utf-8", "replace")
        kept = data.decode("utf-8", "replace").rstrip("\ufffd")
        written = f"{self.written_bytes} bytes were written"
        return f"{kept}\n[{self._name} cut here: {written}, the limit is {self._bytes_max}]\n"
