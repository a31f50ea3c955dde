"""The nginx behind every proxy."""

import os
import socket
from pathlib import Path

import pytest

from benchmarks.ends import backend
from benchmarks.ends.calls import connected, length_of, listening, read_head


def open_sockets(pid: int) -> set[int]:
    """Their inodes."""
    found = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        if (target := os.readlink(one)).startswith("socket:["):
            found.add(int(target[8:-1]))
    return found


@pytest.mark.skipif(backend.nginx() is None, reason="nginx is not installed")
def test_it_answers_on_the_socket_that_it_was_given(tmp_path, monkeypatch):
    """So what it accepts is not paced, whatever the machine's default is."""
    inodes: list[int] = []

    def noted() -> socket.socket:
        made = listening()
        inodes.append(os.fstat(made.fileno()).st_ino)
        return made

    monkeypatch.setattr(backend, "listening", noted)
    with backend.backend(tmp_path, None) as direct, connected(direct) as call:
        call.sendall(direct.request("/api/kernels?1"))
        head, rest = read_head(call)
        assert length_of(head) == len(backend.SMALL)
        assert backend.SMALL.startswith(rest)
        assert inodes[0] in open_sockets(direct.pid)


@pytest.mark.skipif(backend.nginx() is None, reason="nginx is not installed")
def test_one_that_does_not_start_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "CONFIG", "no_such_thing {port} {user}{folder}{small}{files};")
    with pytest.raises(SystemExit), backend.backend(tmp_path, None):
        pass
