"""Answers of the control API: problems by Accept, plain JSON."""

from typing import Any

from aiohttp import web

from wsproxy.core.negotiate import api_form
from wsproxy.core.page import problem_document
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version


def problem_response(problem: Problem, accept: str | None, version: Version) -> web.Response:
    """A problem as JSON, or as an HTML page for who asks for HTML by name (protocol 4.1, 7.9)."""
    content_type, body = problem_document(problem, api_form(accept), version)
    headers = {"Content-Type": content_type, "Cache-Control": "no-store"}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    return web.Response(status=problem.status, body=body, headers=headers)


def json_response(
    body: Any, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """A JSON answer that no cache keeps."""
    merged = {"Cache-Control": "no-store", **(headers or {})}
    return web.json_response(body, status=status, headers=merged)
