"""A run as one page that needs nothing else: no script, no outside resource, everything escaped."""

from jinja2 import Environment, StrictUndefined

from wsproxy import __version__
from wsproxy.compat.outcome import Run, mark
from wsproxy.compat.play import Result
from wsproxy.compat.reports.grids import grids

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)

STYLE = """\
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;\
max-width:90rem}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}.wide{overflow-x:auto}\
table{border-collapse:collapse;font-size:.85rem}th,td{padding:.25rem .5rem;border:1px solid #8885;\
text-align:left;white-space:nowrap}tbody th{position:sticky;left:0;background:Canvas}\
.good{color:#0a7d33}.idle{color:#667}.bad{background:#c62828;color:#fff}.unplayed{background:#b26a00;\
color:#fff}.verdict{padding:.5rem .75rem;border-radius:.4rem;display:inline-block}\
.verdict.good{background:#0a7d33;color:#fff}li{overflow-wrap:anywhere}\
@media(prefers-color-scheme:dark){.good{color:#5fd38d}.idle{color:#99a}}"""
"""Wide tables scroll by themselves, with the addresses in sight: a phone shows them too."""

_PAGE = _ENVIRONMENT.from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>wsproxy compat: {{ run.target }}</title><style>{{ style }}</style></head><body>
<h1>Who works with {{ run.target }}</h1>
<p class="verdict {{ 'good' if run.good else 'bad' }}">{{ run.words }}</p>
{% if run.fault %}<p><strong>{{ run.fault }}</strong></p>{% endif %}
<p>✓ opens, is reported rightly, and is deleted. (✓) the same, but no app need open.
✗ says what fails. ? was not played.</p>
{% for grid in grids %}
<h2>{{ grid.title[0] | upper }}{{ grid.title[1:] }}</h2>
<div class="wide" tabindex="0"><table><thead><tr><th scope="col">address</th>
{% for name in grid.columns %}<th scope="col">{{ name }}</th>{% endfor %}
</tr></thead><tbody>
{% for name, results in grid.rows %}
<tr><th scope="row">{{ name }}</th>
{% for one in results %}{% if one is none %}<td></td>{% else %}\
<td class="{{ kind(one) }}" title="{{ hint(one) }}">{{ mark(one.verdict) }}</td>{% endif %}\
{% endfor %}
</tr>
{% endfor %}
</tbody></table></div>
{% endfor %}
{% if run.bad %}
<h2>What fails, and why</h2>
<ul>
{% for one in run.bad %}
<li><code>{{ one.cell.name }}</code>: {{ one.verdict.said | join("; ") }}</li>
{% endfor %}
</ul>
{% endif %}
<p class="idle">wsproxy {{ version }}, {{ "%.1f" | format(run.seconds) }} s</p>
</body></html>
""")


def html(run: Run) -> str:
    return _PAGE.render(
        run=run,
        grids=grids(run),
        style=STYLE,
        mark=mark,
        kind=kind,
        hint=hint,
        version=__version__,
    )


def kind(result: Result) -> str:
    """The class of a cell."""
    if not result.verdict.played:
        return "unplayed"
    if not result.verdict.good:
        return "bad"
    return "idle" if mark(result.verdict) == "(✓)" else "good"


def hint(result: Result) -> str:
    """What a cell says when it is pointed at."""
    verdict = result.verdict
    reported = [f"reported {verdict.reported}"] if verdict.reported else []
    return "; ".join([result.cell.name, *reported, *verdict.said, f"{verdict.seconds:.2f} s"])
