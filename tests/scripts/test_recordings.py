"""Transcripts of each format become fixtures without secrets."""

import json
from pathlib import Path
from typing import Any

from scripts import recordings

UUID = "2715a7f5-34c7-41c5-b32a-6519c545cb4f"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl"
LOGIN = "0123456789abcdef" * 2

BROWSER = f"""
---- 18:32:14
PUT /conf HTTP/1.1
Host: 127.0.0.1:5050
Content-Length: 44

{{"session":"{LOGIN}"}}
==> HTTP/1.1 200 OK
==> Content-Type: application/json
==> Date: today
==>\x20
==> {{"token": "STUBTOKEN"}}

---- 18:32:15
GET /proxy/STUBTOKEN/{UUID} HTTP/1.1
Host: 127.0.0.1:5050


==> HTTP/1.1 404 Not Found
==>\x20
"""

SOCKET = f"""### app_get
>>> TO 127.0.0.1:11205
POST /lab HTTP/1.1
Host: example.org
Content-Length: 5000
Cookie: appproxy_permit="{"A" * 86}=="

zzz

<<< 0.114s, 717 bytes
HTTP/1.1 200 OK
Location: http://x/?at=127.0.0.1%3A11235&token={JWT}

body
<<TimeoutError: timed out>>

### what the app behind received:
<<APP GOT>>
POST /lab HTTP/1.1
x-forwarded-proto: http

[body 0 bytes]
"""

MANAGER = """### scenario a: x
>>> GET /scaling-groups/default/wsproxy-version HTTP/1.1
>>> Host: 127.0.0.1:58091
>>> Date: now
>>>\x20
<<< [0.030s]
HTTP/1.1 200 OK
Content-Type: application/json; charset=utf-8
X-RateLimit-Limit: 30000

{"wsproxy_version": "v1"}
"""

CURL = """##### conf
$ curl -X POST http://127.0.0.1:15050/v2/conf -d {"a":1}
> POST /v2/conf HTTP/1.1
> Host: 127.0.0.1:15050
> X-BackendAI-Token: AP1S3CR3TX
>\x20
< HTTP/1.1 200 OK
< Content-Type: application/json
<\x20
--- body (first 3000 bytes)
{"token": "t"}
--- 200 exit=0 time=0.003218s size=481

##### conf
$ curl http://127.0.0.1:15050/
> GET / HTTP/1.1
> Host: 127.0.0.1:15050
>\x20
< HTTP/1.1 -1\x20
--- body (first 3000 bytes)
oops
--- 000 exit=1 time=0.0s size=0
"""

PATH = f"/func/stream/session/{UUID}/httpproxy?app=j"

STREAM = f"""### cookie {PATH} {{'Cookie': 'AIOHTTP_SESSION={LOGIN}'}}
 101 {{'Upgrade': 'websocket'}}
### stranger {PATH} {{}}
 0.005s refused 401 {{'Content-Type': 'application/problem+json'}}
### GET /func/ header -> 200 {{"manager": "26.8.1"}}
"""


def distilled(tmp_path: Path, name: str, file: str, text: str) -> list[dict[str, Any]]:
    folder = tmp_path / name
    folder.mkdir()
    (folder / file).write_text(text, encoding="latin-1")
    assert recordings.main([str(folder), "--to", str(tmp_path)]) == 0
    written = (tmp_path / f"{name}.json").read_text(encoding="utf-8")
    for secret in (UUID, JWT, LOGIN, "STUBTOKEN", "A" * 86, "S3CR3T"):
        assert secret not in written
    found: list[dict[str, Any]] = json.loads(written)["exchanges"]
    return found


def test_what_a_browser_sent(tmp_path: Path) -> None:
    conf, check = distilled(tmp_path, "webui-1", "v1.txt", BROWSER)
    assert (conf["method"], conf["target"], conf["to"]) == ("PUT", "/conf", "{at:5050}")
    assert conf["body"] == '{"session":"{login1}"}'
    assert (conf["status"], conf["json"]) == (200, '{"token": "{token1}"}')
    assert conf["answer"] == ["Content-Type: application/json"]
    assert check["target"] == "/proxy/{token1}/{uuid1}"
    assert (check["status"], check["json"]) == (404, "")


def test_what_a_worker_was_sent_and_what_its_app_received(tmp_path: Path) -> None:
    (one,) = distilled(tmp_path, "appproxy-1", "01_app.txt", SOCKET)
    assert (one["name"], one["to"]) == ("01_app", "{at:11205}")
    assert one["fields"] == ["Host: example.org", 'Cookie: appproxy_permit="{permit1}"']
    assert (one["body"], one["more"]) == ("zzz", 4997)
    assert one["answer"] == ["Location: http://x/?at={quoted:11235}&token={jwt1}"]
    assert one["app"] == {"start": "POST /lab HTTP/1.1", "fields": ["x-forwarded-proto: http"]}


def test_what_a_manager_was_asked(tmp_path: Path) -> None:
    (one,) = distilled(tmp_path, "manager-1", "wsver_a.txt", MANAGER)
    assert one["name"] == "wsver_a: scenario a: x"
    assert one["fields"] == ["Host: {at:58091}"]
    assert one["answer"] == ["Content-Type: application/json; charset=utf-8"]
    assert one["json"] == '{"wsproxy_version": "v1"}'


def test_what_curl_sent_and_names_that_come_twice(tmp_path: Path) -> None:
    first, second = distilled(tmp_path, "wsproxy-1", "01-flow.txt", CURL)
    assert first["body"] == '{"a":1}'
    assert "X-BackendAI-Token: {secret1}" in first["fields"]
    assert (second["name"], second["status"], second["json"]) == ("01-flow: conf #2", -1, "")


def test_what_a_web_server_was_asked(tmp_path: Path) -> None:
    one, stranger, other = distilled(tmp_path, "webserver-1", "stream_1.txt", STREAM)
    assert one["fields"] == ["Cookie: AIOHTTP_SESSION={login1}"]
    assert (one["status"], one["target"][:29]) == (101, "/func/stream/session/{uuid1}/")
    assert stranger["status"] == 401
    assert (other["target"], other["json"]) == ("/func/", '{"manager": "26.8.1"}')
