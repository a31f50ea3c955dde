"""Open an app of a session from Python, in whichever version holds.

    export BACKEND_ENDPOINT=https://manager.example.com BACKEND_ACCESS_KEY=… BACKEND_SECRET_KEY=…
    export WSPROXY_GATEWAY=http://127.0.0.1:5050     # opens v1 apps
    python open_app.py my-session jupyter

Prints the version, why, and where the app is: a URL, or HOST:PORT for TCP apps.
"""

import asyncio
import os
import sys

from wsproxy.client import Client, NotOpened, Opened, credentials


async def main(session: str, app: str) -> int:
    who = credentials(os.environ)
    async with Client(who, gateway=os.environ.get("WSPROXY_GATEWAY", "")) as client:
        outcome = await client.open_app(session, app)
    if isinstance(outcome, Opened):
        print(outcome.version, outcome.reason, outcome.place)
        return 0
    if isinstance(outcome, NotOpened):
        print(f"not opened: {outcome.fault.detail} [{outcome.fault.code}]", file=sys.stderr)
        return 1
    # v1 holds, and nobody listens for us: `wsproxy open` would do it itself
    print(f"v1 holds ({outcome.reason}): start a gateway and name it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:3])))
