"""A mapping that never changes, of which a changed one is cheap.

The route table is replaced whole (design 6), and may hold 100 000 circuits: copying it for each
change would stop the loop. Here a change copies only a thin layer of what differs from a thick one
below, which both share; when the thin one has grown to the square root of it, a new thick one is
made.
"""

from collections.abc import Iterable, Iterator, Mapping, ValuesView
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_NOTHING: Final = object()

THIN = 32
"""Entries a thin layer may always have."""


class Layers(Mapping[K, V], Generic[K, V]):
    """Look-ups ask the thin layer, then the thick one. Order is that of first insertion.

    ``below`` is kept, not copied, for it may be large: whoever made it must leave it as it is.
    """

    __slots__ = ("_below", "_size", "_top")

    def __init__(self, below: dict[K, V] | None = None) -> None:
        self._below: dict[K, V] = {} if below is None else below
        self._top: dict[K, object] = {}
        self._size = len(self._below)

    def __repr__(self) -> str:
        return f"Layers({self._size})"

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: object) -> bool:
        found = self._top.get(key, self)  # type: ignore[arg-type]
        return key in self._below if found is self else found is not _NOTHING

    def __getitem__(self, key: K) -> V:
        found = self._top.get(key, self)
        if found is self:
            return self._below[key]
        if found is _NOTHING:
            raise KeyError(key)
        return found  # type: ignore[return-value]

    def __iter__(self) -> Iterator[K]:
        top = self._top
        if not top:
            yield from self._below
            return
        for key in self._below:
            if top.get(key) is not _NOTHING:
                yield key
        for key, value in top.items():
            if value is not _NOTHING and key not in self._below:
                yield key

    def values(self) -> ValuesView[V]:
        return super().values() if self._top else self._below.values()

    def with_(self, key: K, value: V) -> "Layers[K, V]":
        """The same with one entry more, or another value for it."""
        return self._changed(key, value, self._size + (key not in self))

    def without(self, key: K) -> "Layers[K, V]":
        """The same without an entry; itself when there is none."""
        if key not in self:
            return self
        return self._changed(key, _NOTHING, self._size - 1)

    def gone_in(self, later: "Layers[K, V]") -> list[K]:
        """The keys of this that a later one has not."""
        if self._below is later._below:
            mine, other = self._top, later._top
            hidden = [k for k, v in other.items() if v is _NOTHING and mine.get(k) is not _NOTHING]
            return hidden + [k for k in mine.keys() - other.keys() if k in self and k not in later]
        return [key for key in self if key not in later]

    def new_in(self, later: "Layers[K, V]") -> list[K]:
        """The keys below which a later one has something else than this."""
        keys: Iterable[K] = later
        if self._below is later._below:
            keys = [key for key in self._top.keys() | later._top.keys() if key in later]
        return [key for key in keys if self.get(key) is not later[key]]

    def _changed(self, key: K, value: object, size: int) -> "Layers[K, V]":
        changed: Layers[K, V] = Layers.__new__(Layers)
        changed._size = size
        changed._below = self._below
        changed._top = {**self._top, key: value}
        if value is _NOTHING and key not in self._below:
            del changed._top[key]
        count = len(changed._top)
        if count > THIN and count * count > len(self._below):
            changed._below, changed._top = _merged(self._below, changed._top), {}
        return changed


def _merged(below: dict[K, V], top: dict[K, object]) -> dict[K, V]:
    merged = below.copy()
    for key, value in top.items():
        if value is _NOTHING:
            del merged[key]
        else:
            merged[key] = value  # type: ignore[assignment]
    return merged
