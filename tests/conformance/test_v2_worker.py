"""Conformance cases 71 to 73, 77, 79 and 80: admission on app ports and app names (protocol 11)."""

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from uuid import uuid4

import pytest

from tests.support.apps import AppLink, answering, exchange, raw_app, raw_client, unused_port
from tests.support.v2 import KEYS, USER, V2, Link, Wish, v2
from wsproxy.circuits import Opened
from wsproxy.core import jwts, permits
from wsproxy.core.admission import TcpAdmission
from wsproxy.core.circuit import Circuit, CloseReason, Direct, Mode, Protocol
from wsproxy.core.slots import PortSlot
from wsproxy.core.want import Want
from wsproxy.core.wire import SPEAKER_HEADER, VERSION_HEADER, Version

JSON = {"Accept": "application/json"}


def url(link: Link, path: str = "/") -> str:
    return f"http://127.0.0.1:{link.circuit.port}{path}"


async def test_case_71_who_has_no_permit_is_told_so():
    async with raw_app() as app, v2() as gateway:
        link, cookie = await gateway.opened(app.port)
        name, _, value = cookie.partition("=")
        for field, said in (
            ("", "E20004"),
            ("other=1", "E20004"),
            (f"{name}=wrong", "E20005"),
            (f"{name}={value[:-1]}", "E20005"),
            (f"appproxy_permit={permits.classic(KEYS.permit_secret, USER)}", "E20005"),
        ):
            headers = {"Cookie": field} if field else {}
            response, text = await gateway.ask(url(link), headers={**JSON, **headers})
            assert (response.status, response.content_type) == (401, "application/json")
            assert said in text
            assert response.headers[SPEAKER_HEADER] == "gateway"
            assert response.headers[VERSION_HEADER] == "v2"
            page, html = await gateway.ask(url(link), headers={"Accept": "text/html", **headers})
            assert (page.status, page.content_type) == (401, "text/html")
            assert said in html
        assert not app.received
        for field in (cookie, f'{name}="{value}"'):
            response, text = await gateway.ask(url(link), headers={"Cookie": field})
            assert (response.status, text) == (200, "ok")


async def test_case_71_a_permit_of_one_app_does_not_open_another():
    """Differs: upstream's permit is one value per user, for every app and for ever."""
    async with raw_app() as first, raw_app() as second, v2() as gateway:
        one, permit = await gateway.opened(first.port)
        two, _ = await gateway.opened(second.port)
        assert (await gateway.ask(url(one), headers={"Cookie": permit}))[0].status == 200
        assert (await gateway.ask(url(two), headers={"Cookie": permit}))[0].status == 401
        assert not second.received


async def test_case_71_the_permit_is_renewed_while_used_and_ends_after_seven_days():
    async with raw_app() as app, v2() as gateway:
        link, cookie = await gateway.opened(app.port)
        fresh, _ = await gateway.ask(url(link), headers={"Cookie": cookie})
        assert "Set-Cookie" not in fresh.headers
        gateway.clock.now += 6 * 86_400
        used, _ = await gateway.ask(url(link), headers={"Cookie": cookie})
        renewed = used.headers["Set-Cookie"].split(";")[0]
        gateway.clock.now += 6 * 86_400
        assert (await gateway.ask(url(link), headers={"Cookie": renewed}))[0].status == 200
        assert (await gateway.ask(url(link), headers={"Cookie": cookie}))[0].status == 401


async def test_case_72_options_and_public_apps_need_no_cookie():
    async with raw_app() as app, v2() as gateway:
        link, _ = await gateway.opened(app.port)
        response, _ = await gateway.ask(url(link), "OPTIONS", headers={"Origin": "http://a"})
        assert response.status == 200
        assert app.received.startswith(b"OPTIONS / HTTP/1.1\r\n")
        public, _ = await gateway.opened(app.port, open_to_public="true")
        assert (await gateway.ask(url(public)))[0].status == 200


@pytest.mark.parametrize("quote", ["", '"'])
async def test_case_73_the_classic_permit_by_setting(quote):
    """Differs: the permit of the list's vector opens an app only where the settings allow it."""
    value = permits.classic(KEYS.permit_secret, USER)
    headers = {"Cookie": f"appproxy_permit={quote}{value}{quote}"}
    async with raw_app() as app:
        async with v2(Wish(classic=True)) as gateway:
            link, _ = await gateway.opened(app.port)
            response, _ = await gateway.ask(url(link), headers=headers)
            assert response.status == 200
            assert b"appproxy_permit" not in app.received
        async with v2() as gateway:
            link, _ = await gateway.opened(app.port)
            assert (await gateway.ask(url(link), headers=headers))[0].status == 401


async def test_case_73_the_vector():
    user = "5f2b6c1e-7a55-4b3c-9d1f-0c8a4f6e2d11"
    assert permits.classic("some_permit_hash_secret", user) == (
        "MWY3OGM2OWZhMmI5N2I3NDMzZDEwYjQwYWUzNTJmY2NkNzdlMzQ5OWMzYWJjODY5M2JjYzljN2IwZTlhMTNhYw=="
    )


async def test_case_77_a_closed_container_port():
    async with v2() as gateway:
        link, cookie = await gateway.opened(await unused_port())
        for headers, kind in ((JSON, "application/json"), ({"Accept": "text/html"}, "text/html")):
            response, text = await gateway.ask(url(link), headers={"Cookie": cookie, **headers})
            assert (response.status, response.content_type) == (502, kind)
            assert "container-connection-refused" in text
            assert response.headers[VERSION_HEADER] == "v2"


async def test_case_79_tcp_bytes_both_ways_for_who_opened_the_app():
    """Differs: upstream's TCP ports let everybody in; here the address that fetched ``/setup``."""

    async def echo(link: AppLink) -> None:
        await link.send((await link.until(b"ping"))[-4:] + b"pong")

    async with raw_app(echo) as app, v2() as gateway:
        session = str(uuid4())
        token = await gateway.conf(session, app.port)
        link = await gateway.auth(token, session, app="sshd", protocol="tcp")
        assert link.circuit.port is not None
        assert await exchange(link.circuit.port, b"ping") == b""  # nobody fetched /setup yet
        assert not app.links
        await gateway.json(link.url)
        async with raw_client(link.circuit.port) as client:
            await client.send(b"ping")
            assert await client.size(8) == b"pingpong"


async def test_case_79_an_address_that_is_not_on_the_list():
    async with raw_app() as app, v2(Wish(tcp=TcpAdmission.ANY)) as gateway:
        session = str(uuid4())
        token = await gateway.conf(session, app.port)
        listed = {"allowed_client_ips": "10.0.0.0/8"}
        link = await gateway.auth(token, session, app="sshd", protocol="tcp", **listed)
        assert link.circuit.port is not None
        assert await exchange(link.circuit.port, b"hello") == b""
        assert not app.links


async def test_case_79_a_port_without_circuit_is_closed():
    """Differs: nobody listens there, where upstream accepts and closes."""
    async with raw_app() as app, v2(Wish(tcp=TcpAdmission.ANY)) as gateway:
        session = str(uuid4())
        token = await gateway.conf(session, app.port)
        link = await gateway.auth(token, session, app="sshd", protocol="tcp")
        await gateway.circuits.close(link.circuit.id, CloseReason.REQUESTED)
        assert link.circuit.port is not None
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", link.circuit.port)


async def inference(gateway: V2, port: int, public: bool = False) -> Circuit:
    """A circuit as the endpoints' part opens it."""
    opened = await gateway.circuits.open(
        Want(
            version=Version.V2,
            app="llm",
            protocol=Protocol.HTTP,
            session_id="",
            routes=(Direct("127.0.0.1", port),),
            slot=PortSlot("127.0.0.1", (0,)),
            mode=Mode.INFERENCE,
            endpoint_id=str(uuid4()),
            open_to_public=public,
            reuse=False,
        )
    )
    assert isinstance(opened, Opened), opened
    return opened.circuit


async def test_case_80_inference_credentials():
    async with raw_app() as app, v2() as gateway:
        circuit = await inference(gateway, app.port)
        at = f"http://127.0.0.1:{circuit.port}/v1/models"
        now = gateway.clock.now

        def token(**changes: object) -> str:
            claims = {"id": str(circuit.id), "exp": int(now) + 60, **changes}
            return jwts.sign(claims, KEYS.jwt_secret)

        for field, said in (
            ("", "E20006"),
            ("Basic x", "E20007"),
            (f"Bearer {token(exp=int(now) - 1)}", "E20008"),
            ("Bearer garbage", "E20008"),
            (f"Bearer {token(id=str(uuid4()))}", "E20009"),
        ):
            headers = {**JSON, **({"Authorization": field} if field else {})}
            response, text = await gateway.ask(at, headers=headers)
            assert response.status == 401
            assert said in text
        assert not app.received
        for scheme in ("BackendAI", "Bearer"):
            headers = {"Authorization": f"{scheme} {token()}"}
            assert (await gateway.ask(at, headers=headers))[0].status == 200
        assert b"authorization" not in app.received.lower()  # it was for the gateway
        public = await inference(gateway, app.port, public=True)
        bare = {"Authorization": "Bearer of the app"}
        response, _ = await gateway.ask(f"http://127.0.0.1:{public.port}/", headers=bare)
        assert response.status == 200
        assert b"Bearer of the app" in app.received


async def test_allowed_client_ips_are_enforced_through_trusted_proxies():
    listed = {"allowed_client_ips": "198.51.100.0/24"}
    async with raw_app() as app:
        async with v2(Wish(trusted=(ip_network("127.0.0.0/8"),))) as gateway:
            link, cookie = await gateway.opened(app.port, **listed)
            for address, status in (("198.51.100.7", 200), ("203.0.113.1", 403)):
                headers = {"Cookie": cookie, "X-Forwarded-For": address}
                assert (await gateway.ask(url(link), headers=headers))[0].status == status
        async with v2() as gateway:  # nobody is trusted: the field proves nothing
            link, cookie = await gateway.opened(app.port, **listed)
            headers = {"Cookie": cookie, "X-Forwarded-For": "198.51.100.7", **JSON}
            response, text = await gateway.ask(url(link), headers=headers)
            assert response.status == 403
            assert "client-ip-not-allowed" in text


DOMAIN = Wish(domain=".apps.localhost")


def named(gateway: V2, link: Link) -> tuple[str, dict[str, str]]:
    """The app's address as this machine can reach it, and the Host that belongs to it."""
    host = link.url.partition("://")[2].partition("/")[0]
    return gateway.at(link.url.partition("/.wsproxy")[0]), {"Host": host}


async def test_in_wildcard_mode_the_permit_comes_from_the_apps_own_origin():
    async with raw_app() as app, v2(DOMAIN) as gateway:
        session = str(uuid4())
        token = await gateway.conf(session, app.port)
        link = await gateway.auth(token, session, subdomain="lab", redirect="/tree")
        at, host = named(gateway, link)
        assert link.url.startswith("http://lab.apps.localhost:")
        assert "/.wsproxy/setup?token=" in link.url
        for _ in range(3):
            shown, _ = await gateway.ask(gateway.at(link.url), headers=host)
            assert (shown.status, shown.headers[VERSION_HEADER]) == (302, "v2")
            assert shown.headers["Location"] == f"http://{host['Host']}/tree"
            assert shown.headers["Access-Control-Allow-Origin"] == "*"
            assert "Domain" not in shown.headers["Set-Cookie"]
        assert not app.received  # the one reserved path never reaches the app
        cookie = await gateway.cookie(link, host)
        response, text = await gateway.ask(at + "tree", headers={**host, "Cookie": cookie})
        assert (response.status, text) == (200, "ok")
        refused, _ = await gateway.ask(at, headers=host)
        assert refused.status == 401
        unknown, text = await gateway.ask(at, headers={"Host": "other.apps.localhost", **JSON})
        assert unknown.status == 400
        assert "E20009: Subdomain other not registered" in text


async def test_in_port_mode_with_another_name_too():
    wish = replace(Wish(), api_host="api.localhost", app_host="apps.localhost")
    async with raw_app() as app, v2(wish) as gateway:
        link, cookie = await gateway.opened(app.port)
        assert link.url.startswith(f"http://apps.localhost:{link.circuit.port}/.wsproxy/setup?")
        assert (await gateway.ask(url(link), headers={"Cookie": cookie}))[0].status == 200
        tcp = await gateway.auth(
            await gateway.conf(link.circuit.session_id, app.port),
            link.circuit.session_id,
            app="sshd",
            protocol="tcp",
        )
        assert tcp.url.startswith("http://api.localhost:")  # a raw port shows no page
        assert (await gateway.ask(gateway.at(tcp.url)))[0].status == 200


async def test_every_value_that_is_echoed_is_escaped():
    script = "<script>alert(1)</script>"
    async with v2(DOMAIN) as gateway:
        page, html = await gateway.ask(
            f"/v2/proxy/{uuid4()}/{uuid4()}/add",
            params={"app": "x", "protocol": script},
            headers={"Accept": "text/html"},
        )
        assert (page.status, page.content_type) == (400, "text/html")
        assert script not in html
        session = str(uuid4())
        link = await gateway.auth(await gateway.conf(session, 8888), session)
        at, _ = named(gateway, link)
        headers = {"Host": f"{script}.apps.localhost", "Accept": "text/html"}
        _, html = await gateway.ask(at, headers=headers)
        assert script not in html


async def test_an_app_is_reached_at_its_new_address_after_it_moved():
    session = str(uuid4())
    async with (
        raw_app(answering()) as old,
        raw_app(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")) as new,
        v2() as gateway,
    ):
        link, cookie = await gateway.opened(old.port, session)
        moved = await gateway.auth(await gateway.conf(session, new.port), session)
        assert moved.reuse
        assert moved.circuit.port == link.circuit.port
        _, text = await gateway.ask(url(link), headers={"Cookie": cookie})
        assert text == "new"
        assert not old.received
