"""Peers that are programs of their own: nginx, HAProxy, Caddy, configurable-http-proxy."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.ends.backend import USER
from benchmarks.ends.backend import nginx as nginx_program
from benchmarks.peers.peer import CACHE, Setting, Start
from benchmarks.process import Running, free_port, process, wait_for

NGINX = """
{user}daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
worker_rlimit_nofile {files};
events {{ worker_connections {files}; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_max_temp_file_size 0; keepalive_requests 1000000000; keepalive_timeout 600;
  {buffers}
  map $http_upgrade $upgrading {{ default upgrade; '' ''; }}
  upstream app {{ server 127.0.0.1:{app}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrading;
      proxy_read_timeout 600;
    }}
  }}
}}
"""

TUNED = "proxy_buffer_size 256k; proxy_buffers 8 256k; proxy_busy_buffers_size 512k;"

HAPROXY = """
global
  nbthread 1
  maxconn {maxconn}
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout tunnel 600s
  http-reuse always
listen bench
  bind 127.0.0.1:{port}
  server app 127.0.0.1:{app}
"""

CADDY = """
{{
  admin off
  auto_https off
  log {{
    level ERROR
  }}
}}
http://:{port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{app}
}}
"""


def found(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def needs(program: str) -> Callable[[], str]:
    return lambda: "" if found(program) else f"{program} is not installed"


@contextmanager
def _nginx(setting: Setting, name: str, buffers: str = "") -> Iterator[Running]:
    own = setting.folder / name.replace(" ", "-")
    own.mkdir(exist_ok=True)
    port, settings = free_port(), own / "nginx.conf"
    settings.write_text(
        NGINX.format(
            user=USER, folder=own, port=port, app=setting.app, files=setting.files, buffers=buffers
        )
    )
    command = [
        nginx_program() or "",
        "-e",
        own / "start.err",
        "-c",
        settings,
        "-p",
        own,
    ]
    with process(command, setting.core) as child:
        wait_for(port, child)
        yield Running(name, port, child.pid)


nginx: Start = partial(_nginx, name="nginx")
tuned: Start = partial(_nginx, name="nginx tuned", buffers=TUNED)


@contextmanager
def haproxy(setting: Setting) -> Iterator[Running]:
    port, settings = free_port(), setting.folder / "haproxy.cfg"
    maxconn = max(100, setting.files // 2 - 100)
    settings.write_text(HAPROXY.format(port=port, app=setting.app, maxconn=maxconn))
    with process([found("haproxy") or "", "-db", "-q", "-f", settings], setting.core) as child:
        wait_for(port, child)
        yield Running("haproxy", port, child.pid)


@contextmanager
def caddy(setting: Setting) -> Iterator[Running]:
    port, settings = free_port(), setting.folder / "Caddyfile"
    settings.write_text(CADDY.format(port=port, app=setting.app))
    command = [found("caddy") or "", "run", "--adapter", "caddyfile", "--config", settings]
    with process(command, setting.core, setting.folder / "caddy.log") as child:
        wait_for(port, child)
        yield Running("caddy", port, child.pid)


CHP = CACHE / "chp/node_modules/.bin/configurable-http-proxy"


def chp_missing() -> str:
    if found("node") is None:
        return "node is not installed"
    return "" if Path(CHP).exists() else "configurable-http-proxy is not installed"


@contextmanager
def chp(setting: Setting) -> Iterator[Running]:
    port = free_port()
    command = [
        found("node") or "",
        CHP,
        "--ip=127.0.0.1",
        f"--port={port}",
        "--api-ip=127.0.0.1",
        f"--api-port={free_port()}",
        f"--default-target=http://127.0.0.1:{setting.app}",
        "--log-level=error",
    ]
    with process(command, setting.core) as child:
        wait_for(port, child)
        yield Running("chp", port, child.pid)
