"""Rows of managers: they load, and the simulated manager answers as each row says (P 8.1)."""

import contextlib
import json

import pytest

from tests.sim.conftest import USER, signed, simulated
from wsproxy.compat.eras.managers import ManagerRow, managers, traits_of
from wsproxy.compat.eras.proxies import proxies
from wsproxy.compat.eras.rows import EraError, Peer, read
from wsproxy.compat.standins.stand import standin
from wsproxy.compat.zoo.table import ANIMALS
from wsproxy.sim.authentication import API_VERSIONS
from wsproxy.sim.traits import Era

NAMES = ["22.03", "22.09", "23.03", "23.09", "25.12", "26.2", "26.3", "26.4"]
INTERNAL = (500, "internal-server-error")
MISCONFIGURED = (500, "server-misconfigured")
NAMED = (500, "appproxy-connection-error")
NOT_FOUND = (404, "object-not-found")
NO_ADDRESS_AND_DEAD = {
    "manager-22.03": ("v1", INTERNAL),
    "manager-22.09": ("v1", INTERNAL),
    "manager-23.03": ("v1", INTERNAL),
    "manager-23.09": ("v1", MISCONFIGURED),
    "manager-25.12": ("v1", MISCONFIGURED),
    "manager-26.2": (NOT_FOUND, (503, "appproxy-connection-error")),
    "manager-26.3": (NOT_FOUND, NAMED),
    "manager-26.4": ("v1", NAMED),
}


def test_every_release_line_has_its_row():
    assert list(managers()) == [f"manager-{name}" for name in NAMES]
    for row in managers().values():
        assert row.peer is Peer.MANAGER
        assert row.sources and row.about and row.releases
        assert traits_of(row).api_version in API_VERSIONS


def test_rows_agree_with_the_eras_that_tests_and_demo_use():
    rows = managers()
    assert traits_of(rows["manager-23.09"]) == Era.M23_09
    assert traits_of(rows["manager-26.2"]) == Era.M26_2
    assert traits_of(rows["manager-26.4"]) == Era.M26_8


@pytest.mark.parametrize("name", managers())
async def test_the_version_of_groups_without_and_with_a_dead_address(name):
    async def ask(group: str):
        target = f"/scaling-groups/{group}/wsproxy-version?group=default"
        headers = signed(sim, USER, "GET", target)
        async with sim.http.get(sim.running.endpoint + target, headers=headers) as answer:
            document = json.loads(await answer.read())
        if answer.status == 200:
            return document["wsproxy_version"]
        return answer.status, document["type"].rpartition("/")[2]

    async with simulated(traits_of(managers()[name])) as sim:
        assert (await ask("local"), await ask("broken")) == NO_ADDRESS_AND_DEAD[name]


@pytest.mark.parametrize("name", managers())
async def test_every_manager_carries_deletes_and_tells_its_version(name):
    row = managers()[name]
    async with simulated(traits_of(row)) as sim:
        async with sim.http.get(sim.running.endpoint + "/") as answer:
            assert await answer.json() == {
                "version": row.traits.api_version,
                "manager": row.traits.release,
            }
        target = "/stream/session/work/tcpproxy?app=echo"
        headers = signed(sim, USER, "GET", target)
        url = sim.running.endpoint + target
        async with sim.http.ws_connect(url, headers=headers) as socket:
            assert await socket.receive_bytes()
        target = "/session/work?forced=true"
        headers = signed(sim, USER, "DELETE", target)
        async with sim.http.delete(sim.running.endpoint + target, headers=headers) as answer:
            assert answer.status == 200
        assert sim.ended == ["work"]


def test_a_trait_that_does_not_exist_is_named():
    text = """
["manager-1"]
peer = "manager"
releases = "1"
about = "x"
sources = ["P 8.1"]
traits.colour = "red"
"""
    with pytest.raises(EraError, match=r"managers\.toml: era manager-1: traits\.colour: "):
        read(text, ManagerRow, "managers.toml")


START = "/session/work/start-service"
STREAM = "/stream/session/work/httpproxy?app="
# recording, what stands at the group's address, method, target, body,
# then of 23.09.10 and of 26.8.1: status, slug or keys of the answer, msg
RECORDED = [
    ("start_noaddr", "", "POST", START, {"app": "echo"},
     (503, "service-unavailable", "No coordinator configured for this resource group"),
     (503, "service-unavailable", "No coordinator configured for this resource group")),
    ("start_real", "healthy-v2+", "POST", START, {"app": "echo", "login_session_token": "lst"},
     (200, {"token", "wsproxy_addr"}, ""), (200, {"token", "wsproxy_addr"}, "")),
    ("start_real_port", "healthy-v2+", "POST", START, {"app": "echo", "port": "P"},
     (200, {"token", "wsproxy_addr"}, ""), (200, {"token", "wsproxy_addr"}, "")),
    ("start_envs", "healthy-v2+", "POST", START,
     {"app": "echo", "envs": '{"A":"1"}', "arguments": '{"-P":"1"}'},
     (200, {"token", "wsproxy_addr"}, ""), (200, {"token", "wsproxy_addr"}, "")),
    ("start_unknown_app", "healthy-v2", "POST", START, {"app": "nosuch"},
     (404, "object-not-found", "work:nosuch"), (404, "object-not-found", "work:nosuch")),
    ("start_badport", "healthy-v2", "POST", START, {"app": "echo", "port": 8081},
     (400, "invalid-api-params", "Service echo does not open the port number 8081."),
     (400, "generic-bad-request", "Service echo does not open the port number 8081.")),
    ("start_unknown_session", "", "POST", "/session/nosuch/start-service", {"app": "echo"},
     (404, "object-not-found", "Session (id=nosuch) does not exist."),
     (404, "object-not-found", "Session (name=nosuch) does not exist for the user.")),
    ("start_no_app", "", "POST", START, {},
     (400, "invalid-api-params", "Input validation error"), (400, "generic-bad-request", None)),
    ("start_refused", "refuse", "POST", START, {"app": "echo"},
     (500, "internal-server-error", ""), (500, "appproxy-connection-error", None)),
    ("start_status404", "404", "POST", START, {"app": "echo"},
     (500, "internal-server-error", ""), (500, "appproxy-response-error", None)),
    ("start_v2stub_conf_ok_shape", "healthy-v2", "POST", START, {"app": "echo"},
     (500, "internal-server-error", ""), (500, "internal-server-error", "")),
    ("stream_unknown_app", "", "GET", f"{STREAM}nosuch", None,
     (404, "object-not-found", "work:nosuch"), (404, "object-not-found", "work:nosuch")),
    ("stream_no_upgrade", "", "GET", f"{STREAM}echo", None,
     (400, "generic-bad-request", ""), (400, "generic-bad-request", "")),
    ("sshkey", "", "GET", "/session/work/ssh-keypair", None,
     (404, "url-not-found", ""), (404, "url-not-found", "")),
]  # fmt: skip


@contextlib.asynccontextmanager
async def address(kind: str):
    """What the group's address names: nothing, an animal, or a coordinator ("healthy-v2+")."""
    if not kind:
        yield None
    elif kind.endswith("+"):
        async with standin(proxies()["appproxy-26.9"]) as addresses:
            yield addresses.api
    else:
        async with ANIMALS[kind]() as place:
            yield place


@pytest.mark.parametrize("newest", [False, True], ids=["23.09.10", "26.8.1"])
@pytest.mark.parametrize("recorded", RECORDED, ids=[one[0] for one in RECORDED])
async def test_services_and_streams_answer_as_recorded(recorded, newest):
    """transcripts/manager-23.09/svc and transcripts/manager-26.8/svc, by name."""
    _, kind, method, target, body, *answers = recorded
    status, kept, msg = answers[newest]
    era = Era.M26_8 if newest else Era.M23_09
    async with address(kind) as place, simulated(era) as sim:
        sim.world.add_group("pool", place)
        sim.session.group = "pool"
        if body and body.get("port") == "P":
            body = {**body, "port": sim.echo.port}
        data = b"" if body is None else json.dumps(body).encode()
        headers = signed(sim, USER, method, target)
        url = sim.running.endpoint + target
        async with sim.http.request(method, url, headers=headers, data=data) as answer:
            text = await answer.text()
            document = json.loads(text)
    assert answer.status == status
    if isinstance(kept, set):
        assert set(document) == kept
        return
    assert answer.content_type == "application/problem+json"
    assert document["type"].rpartition("/")[2] == kept
    assert ("error_code" in document) is newest
    assert text.startswith('{"type":"' if newest else '{"type": "')
    assert msg is None or document.get("msg", "") == msg
