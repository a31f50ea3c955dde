"""Start tokens in the store: records that end by themselves."""

import json
from collections.abc import Callable
from typing import TypeVar
from uuid import UUID, uuid4

from wsproxy.core import tokens
from wsproxy.core.problem import Problem, ProblemError
from wsproxy.core.tokens import StartToken
from wsproxy.state.base import Kind, Record, Store, StoreUnavailable

T = TypeVar("T")


class StartTokens:
    """Thin: what a token is and when it counts stands in ``core.tokens``."""

    def __init__(self, store: Store, new_id: Callable[[], UUID] = uuid4) -> None:
        self._store = store
        self._new_id = new_id

    def new_id(self) -> UUID:
        """122 random bits from the system's generator."""
        return self._new_id()

    async def save(self, token: StartToken) -> None:
        """Keep it. 503 ``store-unavailable`` when the store cannot be asked."""
        value = json.dumps(tokens.to_record(token))
        record = Record(Kind.TOKEN, str(token.id), value, token.expires_at)
        try:
            await self._store.save(record)
        except StoreUnavailable as error:
            raise _unavailable(error) from error

    async def find(self, text: str) -> StartToken | None:
        """The token that a client sent; None for everything that is none."""
        token_id = tokens.parse_uuid(text)
        if token_id is None:
            return None
        try:
            record = await self._store.load(Kind.TOKEN, str(token_id))
        except StoreUnavailable as error:
            raise _unavailable(error) from error
        return tokens.from_record(json.loads(record.value)) if record is not None else None


def _unavailable(error: StoreUnavailable) -> ProblemError:
    return ProblemError(Problem("store-unavailable", msg=str(error), retry_after=5))
