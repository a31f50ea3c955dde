"""What is wrong with the settings, all of it at once, each with its place and what to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Complaint:
    """One fault. ``source``: a file or ``environment``; ``line`` counts from 1, None: unknown."""

    key: str
    problem: str
    remedy: str = ""
    source: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line is not None else self.source
        parts = [part for part in (place, self.key, self.problem) if part]
        tail = f". {self.remedy}" if self.remedy else ""
        return ": ".join(parts) + tail


class SettingsError(Exception):
    """Settings that cannot be used. ``complaints`` holds every fault that was found."""

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        super().__init__("\n".join(str(complaint) for complaint in complaints))
        self.complaints = complaints
