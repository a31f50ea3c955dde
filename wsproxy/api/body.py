"""Reading a request's parameters into a model; what is wrong is named (protocol 7.9)."""

import asyncio
import json
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from wsproxy.core.problem import Problem, ProblemError

M = TypeVar("M", bound=BaseModel)

BODY_SECONDS = 10.0
"""Seconds for a body to arrive; real ones come in one piece with their head."""


def _invalid(msg: str, errors: list[dict[str, Any]] | None = None) -> ProblemError:
    data = {"errors": errors} if errors else None
    return ProblemError(Problem("invalid-api-params", msg=msg, data=data))


_OURS = {"model_type": "this is not an object"}
"""Where pydantic would name a class of ours."""


def validate(model: type[M], values: object) -> M:
    """``values`` as ``model``, or 400 ``invalid-api-params`` that names each wrong field."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        entries = [
            {
                "type": entry["type"],
                "loc": [str(part) for part in entry["loc"]],
                "msg": _OURS.get(entry["type"], entry["msg"]),
            }
            for entry in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        named = "; ".join(
            f"{'.'.join(entry['loc']) or 'body'}: {entry['msg']}"
            for entry in entries  # the value itself is not echoed: it may be a secret
        )
        raise _invalid(named, entries) from None


async def read_body(request: web.Request) -> bytes:
    """The whole body; 408 when it does not come, 400 when it breaks off or is framed wrongly."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise ProblemError(Problem("body-timeout")) from None
    except (web.RequestPayloadError, ConnectionError):
        raise ProblemError(Problem("malformed-request", msg="The body breaks off.")) from None


async def read_document(request: web.Request) -> object:
    """The body as JSON; absent is ``{}``. Malformed JSON or text is 400 "Malformed body"."""
    raw = await read_body(request)
    if not raw.strip():
        return {}
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise _invalid("Malformed body: this is not JSON.") from None


async def read_json(request: web.Request, model: type[M]) -> M:
    """The JSON body as ``model``; see ``validate``."""
    return validate(model, await read_document(request))


def read_query(request: web.Request, model: type[M]) -> M:
    """The query parameters as ``model``; of a repeated one the first counts."""
    values: dict[str, str] = {}
    for name, value in request.query.items():
        values.setdefault(name, value)
    return validate(model, values)
