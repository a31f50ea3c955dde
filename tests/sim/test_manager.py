"""The simulated manager answers as the recorded ones did (observed 1, 2; protocol 3.4, 8)."""

import asyncio
import json
import secrets

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError, web

from tests.sim.conftest import ADMIN, OTHER, USER, signed, simulated
from wsproxy.sim.echo import GREETING
from wsproxy.sim.site import Site
from wsproxy.sim.traits import Era
from wsproxy.sim.world import App, Keypair

JSON = "application/json"


async def ask(sim, method: str, target: str, keypair: Keypair = USER, body=None):
    """(status, the JSON document)."""
    data = b"" if body is None else json.dumps(body).encode()
    headers = signed(sim, keypair, method, target)
    url = sim.running.endpoint + target
    async with sim.http.request(method, url, headers=headers, data=data) as answer:
        return answer.status, json.loads(await answer.read())


def slug(document) -> str:
    return str(document["type"]).rpartition("/probs/")[2]


async def test_its_version_needs_no_signature(sim):
    async with sim.http.get(sim.running.endpoint + "/") as answer:
        assert await answer.json() == {"version": "v9.20250722", "manager": "26.8.1"}


async def test_an_unknown_path_is_404_like_func_on_a_manager(sim):
    status, document = await ask(sim, "GET", "/func/scaling-groups/local/wsproxy-version")
    assert (status, slug(document)) == (404, "url-not-found")
    assert document["data"] == "/func/scaling-groups/local/wsproxy-version"


async def test_wsproxy_version_of_each_kind_of_group(sim):
    assert await ask(sim, "GET", "/scaling-groups/local/wsproxy-version?group=default") == (
        200,
        {"wsproxy_version": "v1"},
    )
    status, document = await ask(sim, "GET", "/scaling-groups/broken/wsproxy-version")
    assert (status, slug(document)) == (500, "appproxy-connection-error")
    status, document = await ask(sim, "GET", "/scaling-groups/none/wsproxy-version")
    assert (status, document["title"]) == (404, "No such scaling group.")


class TestSignatures:
    async def test_unsigned_is_400_at_old_and_401_at_new_managers(self, sim, old_sim):
        for running, status in ((old_sim, 400), (sim, 401)):
            async with running.http.get(running.running.endpoint + "/session/work") as answer:
                assert answer.status == status
                assert answer.content_type == "application/problem+json"

    @pytest.mark.parametrize(
        "change",
        [
            {"secret_key": "guess"},
            {"access_key": "AKIANOBODY"},
        ],
    )
    async def test_wrong_keys_are_401(self, sim, change):
        fields = {"access_key": USER.access_key, "secret_key": USER.secret_key} | change
        status, document = await ask(sim, "GET", "/session/work", Keypair(**fields))
        assert (status, slug(document)) == (401, "auth-failed")

    async def test_a_signature_covers_the_target(self, sim):
        headers = signed(sim, USER, "GET", "/session/work")
        url = sim.running.endpoint + "/session/other"
        async with sim.http.get(url, headers=headers) as answer:
            assert answer.status == 401

    async def test_a_clock_that_is_off_by_more_than_fifteen_minutes_is_400(self):
        async with simulated(clock=lambda: 4_000_000_000.0) as sim:
            status, document = await ask(sim, "GET", "/session/work")
        assert (status, slug(document)) == (400, "invalid-auth-params")

    async def test_a_date_that_is_none_is_400(self, sim):
        headers = {**signed(sim, USER, "GET", "/session/work"), "X-BackendAI-Date": "yesterday"}
        async with sim.http.get(sim.running.endpoint + "/session/work", headers=headers) as answer:
            assert answer.status == 400

    async def test_an_api_version_it_does_not_know_is_400(self, sim):
        headers = {**signed(sim, USER, "GET", "/session/work"), "X-BackendAI-Version": "v99.1"}
        async with sim.http.get(sim.running.endpoint + "/session/work", headers=headers) as answer:
            assert (answer.status, (await answer.json())["msg"]) == (
                400,
                "Unsupported API version.",
            )

    @pytest.mark.parametrize("header", ["", "Basic x", "BackendAI signMethod=HMAC-SHA256"])
    async def test_another_authorization_is_401(self, sim, header):
        headers = {**signed(sim, USER, "GET", "/session/work"), "Authorization": header}
        async with sim.http.get(sim.running.endpoint + "/session/work", headers=headers) as answer:
            assert answer.status == 401


class TestSessions:
    async def test_by_id_and_by_name_only_for_the_owner(self, sim):
        for reference in ("work", str(sim.session.id)):
            status, document = await ask(sim, "GET", f"/session/{reference}")
            assert (status, document["status"]) == (200, "RUNNING")
            status, document = await ask(sim, "GET", f"/session/{reference}", OTHER)
            assert (status, document["title"]) == (404, "No such session.")

    async def test_a_name_of_two_sessions_is_too_many(self, sim):
        sim.world.add_session("work", "local", USER.access_key)
        status, document = await ask(sim, "DELETE", "/session/work")
        assert (status, slug(document)) == (404, "too-many-sessions-matched")
        assert len(document["data"]["matches"]) == 2

    async def test_matching_finds_by_the_start_of_a_name_or_id(self, sim):
        for start in ("wo", str(sim.session.id)[:8]):
            _, document = await ask(sim, "GET", f"/session/_/match?id={start}")
            assert [one["id"] for one in document["matches"]] == [str(sim.session.id)]
        assert await ask(sim, "GET", "/session/_/match?id=ork") == (200, {"matches": []})
        assert await ask(sim, "GET", "/session/_/match?id=wo", OTHER) == (200, {"matches": []})

    async def test_deleting_ends_serving_tunnels_and_containers(self, sim):
        target = "/stream/session/work/tcpproxy?app=echo"
        url = sim.running.endpoint + target
        async with sim.http.ws_connect(url, headers=signed(sim, USER, "GET", target)) as socket:
            assert await socket.receive_bytes() == GREETING
            assert await ask(sim, "DELETE", f"/session/{sim.session.id}?forced=true") == (
                200,
                {"stats": {"status": "terminated"}},
            )
            assert (await asyncio.wait_for(socket.receive(), 5)).data == 1001
        assert sim.ended == ["work"]
        status, document = await ask(sim, "DELETE", f"/session/{sim.session.id}")
        assert (status, slug(document)) == (404, "object-not-found")

    async def test_another_owners_session_needs_the_right(self, sim):
        target = f"/session/work?owner_access_key={USER.access_key}"
        assert (await ask(sim, "DELETE", target, OTHER))[0] == 403
        assert sim.ended == []
        assert (await ask(sim, "DELETE", target, ADMIN))[0] == 200
        assert sim.ended == ["work"]

    async def test_an_old_manager_wants_force_for_a_session_that_prepares(self, old_sim):
        old_sim.session.status = "PREPARING"
        assert (await ask(old_sim, "DELETE", "/session/work"))[0] == 403
        assert await ask(old_sim, "DELETE", "/session/work?forced=true") == (200, {"stats": {}})

    async def test_its_apps_are_listed(self, sim):
        status, document = await ask(sim, "GET", "/stream/session/work/apps")
        assert status == 200
        assert document[0] == {"name": "echo", "protocol": "tcp", "ports": [sim.echo.port]}


class TestStream:
    async def refused(self, sim, target: str, keypair: Keypair = USER) -> int:
        headers = signed(sim, keypair, "GET", target)
        with pytest.raises(WSServerHandshakeError) as refused:
            await sim.http.ws_connect(sim.running.endpoint + target, headers=headers)
        return refused.value.status

    def open(self, sim, app: str, kind: str = "httpproxy"):
        target = f"/stream/session/work/{kind}?app={app}"
        headers = signed(sim, USER, "GET", target)
        return sim.http.ws_connect(sim.running.endpoint + target, headers=headers)

    @pytest.mark.parametrize("kind", ["httpproxy", "tcpproxy"])
    async def test_a_mebibyte_passes_both_ways_in_small_binary_frames(self, sim, kind):
        sent, back = secrets.token_bytes(1 << 20), bytearray()
        async with self.open(sim, "echo", kind) as socket:
            assert socket.protocol is None
            assert await socket.receive_bytes() == GREETING
            await socket.send_bytes(sent)  # one message: managers take up to 16 MiB
            async with asyncio.timeout(10):
                while len(back) < len(sent):
                    frame = await socket.receive_bytes()
                    assert len(frame) <= 256 * 1024
                    back += frame
            assert bytes(back) == sent
            await socket.send_str("text")
            assert await socket.receive_bytes() == b"text"

    async def test_refusals_come_before_the_upgrade(self, sim):
        assert await self.refused(sim, "/stream/session/none/httpproxy?app=echo") == 404
        assert await self.refused(sim, "/stream/session/work/httpproxy?app=none") == 404
        assert await self.refused(sim, "/stream/session/work/httpproxy") == 404
        assert await self.refused(sim, "/stream/session/work/httpproxy?app=echo", OTHER) == 404
        nobody = Keypair("AKIANOBODY", "x")
        assert await self.refused(sim, "/stream/session/work/httpproxy?app=echo", nobody) == 401
        assert await self.refused(sim, "/stream/session/work/httpproxy?app=echo&port=1025") == 400
        assert await self.refused(sim, "/stream/session/work/httpproxy?app=echo&envs=x") == 400

    async def test_without_an_upgrade_it_is_400(self, sim):
        status, document = await ask(sim, "GET", "/stream/session/work/httpproxy?app=echo")
        assert (status, slug(document)) == (400, "generic-bad-request")

    async def test_an_app_that_starts_is_500_until_it_runs(self, sim):
        sim.session.apps["echo"].starting = 2
        for _ in range(2):
            assert await self.refused(sim, "/stream/session/work/httpproxy?app=echo") == 500
        async with self.open(sim, "echo") as socket:
            assert await socket.receive_bytes() == GREETING

    @pytest.mark.parametrize(("app", "code"), [("dead", 1013), ("remote", 1011)])
    async def test_an_app_that_cannot_be_reached_is_101_and_a_code(self, sim, app, code):
        async with self.open(sim, app) as socket:
            message = await asyncio.wait_for(socket.receive(), 10)
            assert (message.type, message.data) == (WSMsgType.CLOSE, code)

    async def test_an_apps_end_is_1001(self, sim):
        async with self.open(sim, "echo") as socket:
            await socket.receive_bytes()
            await sim.echo.close()
            message = await asyncio.wait_for(socket.receive(), 5)
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)

    async def test_pings_are_answered_and_counted(self, sim):
        async with self.open(sim, "echo") as socket:
            await socket.receive_bytes()
            await socket.ping(b"alive?")
            seen = sim.running.record.of("GET", "/httpproxy")[0]
            await sim.running.record.until(lambda: seen.pings == 1)

    async def test_old_managers_refuse_unknown_query_keys_and_vnc(self, sim, old_sim):
        unknown = "/stream/session/work/tcpproxy?app=echo&args=x"
        assert await self.refused(old_sim, unknown) == 400
        assert await self.refused(old_sim, "/stream/session/work/tcpproxy?app=desktop") == 400
        async with self.open(sim, "desktop&args=x", "tcpproxy") as socket:
            assert await socket.receive_bytes() == GREETING


class TestStartService:
    TARGET = "/session/work/start-service"

    async def test_without_an_address_it_is_503(self, sim):
        status, document = await ask(sim, "POST", self.TARGET, body={"app": "echo"})
        assert (status, slug(document)) == (503, "service-unavailable")

    async def test_a_dead_address_is_500(self, sim):
        sim.session.group = "broken"
        status, document = await ask(sim, "POST", self.TARGET, body={"app": "echo"})
        assert (status, slug(document)) == (500, "appproxy-connection-error")

    async def test_bad_requests(self, sim):
        assert (await ask(sim, "POST", self.TARGET, body={}))[0] == 400
        assert (await ask(sim, "POST", self.TARGET, body=["x"]))[0] == 400
        unknown = "/session/none/start-service"
        assert (await ask(sim, "POST", unknown, body={"app": "echo"}))[0] == 404

    @pytest.mark.parametrize(
        ("era", "project"), [(Era.M23_09, "group_id"), (Era.M26_8, "project_id")]
    )
    async def test_it_configures_the_proxy_without_credentials(self, era, project):
        posted: list[tuple[dict[str, str], dict[str, object]]] = []

        async def about(request: web.Request) -> web.Response:
            document = {"api_version": "v2", "advertise_address": "http://proxy.example"}
            return web.json_response(document)

        async def conf(request: web.Request) -> web.Response:
            posted.append((dict(request.headers), await request.json()))
            return web.json_response({"token": "T"} if len(posted) == 1 else {"error": "no"})

        app = web.Application()
        app.add_routes([web.get("/status", about), web.post("/v2/conf", conf)])
        proxy = await Site(app).start()
        async with simulated(era) as sim:
            sim.world.add_group("gpu", proxy.url)
            sim.session.group = "gpu"
            body = {"app": "echo", "login_session_token": "L"}
            assert await ask(sim, "POST", self.TARGET, body=body) == (
                200,
                {"token": "T", "wsproxy_addr": "http://proxy.example"},
            )
            headers, document = posted[0]
            assert not {"Authorization", "X-BackendAI-Token"} & set(headers)
            assert document == {
                "login_session_token": "L",
                "kernel_host": "127.0.0.1",
                "kernel_port": sim.echo.port,
                "session": {
                    "id": str(sim.session.id),
                    "user_uuid": str(USER.user_id),
                    project: str(sim.session.project),
                    "access_key": USER.access_key,
                    "domain_name": "default",
                },
            }
            assert (await ask(sim, "POST", self.TARGET, body={"app": "none"}))[0] == 404
            assert (await ask(sim, "POST", self.TARGET, body={"app": "echo", "port": 1025}))[
                0
            ] == 400
            # an answer without a token is the manager's own failure
            status, answer = await ask(sim, "POST", self.TARGET, body=body)
            assert (status, slug(answer)) == (500, "internal-server-error")
        await proxy.close()


async def test_everything_is_recorded(sim):
    await ask(sim, "POST", "/session/work/start-service", body={"app": "echo"})
    seen = sim.running.record.requests[-1]
    assert (seen.server, seen.method, seen.path) == (
        "manager",
        "POST",
        "/session/work/start-service",
    )
    assert (json.loads(seen.body), seen.status) == ({"app": "echo"}, 503)


def test_an_app_is_listed_as_managers_list_it():
    assert App("a", "h", 1, "vnc").listed() == {"name": "a", "protocol": "vnc", "ports": [1]}
