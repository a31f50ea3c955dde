"""A problem as a document: the bytes of the JSON or of the HTML page, everything escaped."""

import json

from jinja2 import Environment, StrictUndefined

from wsproxy.core.negotiate import Form
from wsproxy.core.problem import Problem
from wsproxy.core.wire import Version

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)

STYLE = """\
body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:12vh auto;padding:0 1.5rem;\
color:#1f2430;background:#fff}h1{font-size:1.4rem;margin:0 0 .5rem}code{background:#eef0f4;\
padding:.1rem .35rem;border-radius:.25rem}p.quiet{color:#667;font-size:.85rem;margin-top:2rem}\
@media(prefers-color-scheme:dark){body{background:#16181d;color:#e6e8ee}code{background:#2a2e38}\
p.quiet{color:#99a}}"""
"""Inline, because an error page of the gateway must not ask the app's origin for anything."""

_PROBLEM = _ENVIRONMENT.from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{{ status }} {{ title }}</title>
<style>{{ style }}</style></head><body>
<h1>{{ title }}</h1>
{% if msg %}<p>{{ msg }}</p>{% endif %}
<p><code>{{ code }}</code> ({{ status }})</p>
<p class="quiet">wsproxy said this, not the app. Path: {{ version }}.</p>
</body></html>
""")


def problem_document(problem: Problem, form: Form, version: Version) -> tuple[str, bytes]:
    """``(content type, body)`` of a problem in the given form."""
    document = problem.body()
    if form is Form.JSON:
        return "application/json; charset=utf-8", json.dumps(document).encode()
    page = _PROBLEM.render(
        status=problem.status,
        title=document["title"],
        msg=problem.msg,
        code=problem.code,
        version=version.value,
        style=STYLE,
    )
    return "text/html; charset=utf-8", page.encode()
