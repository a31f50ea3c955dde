"""Delete sessions from Python; a broken proxy never stops it.

    export BACKEND_ENDPOINT=https://manager.example.com BACKEND_ACCESS_KEY=… BACKEND_SECRET_KEY=…
    python delete_sessions.py my-session another-session

The exit code is 0 when every session is gone. ``WSPROXY_GATEWAY``, if set, names the gateway
whose circuits of the sessions are closed beside it.
"""

import asyncio
import os
import sys

from wsproxy.client import Client, Terminated, credentials


def tell(result: Terminated) -> None:
    """Called as each session ends; the two parts are told apart."""
    print(f"{result.id}: session {result.session.fate}, circuits {result.circuits.fate}")
    if result.session.fault is not None:
        print(f"  {result.session.fault.detail}")


async def main(sessions: list[str]) -> int:
    who = credentials(os.environ)
    async with Client(who, gateway=os.environ.get("WSPROXY_GATEWAY", "")) as client:
        results = await client.terminate_many(sessions, done=tell)
    return 0 if all(result.session.gone for result in results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
