"""What was logged, without what a busy machine adds."""

from collections.abc import Iterable
from logging import LogRecord


def logged(records: Iterable[LogRecord]) -> list[LogRecord]:
    """All but asyncio's word about a callback that took long, which it says in debug mode."""
    return [one for one in records if not _slow(one)]


def _slow(record: LogRecord) -> bool:
    return record.name == "asyncio" and record.msg.startswith("Executing %s took")
