"""Talking to a gateway and a manager from outside: session deletion, opening an app.

    from wsproxy.client import Client, credentials

    async with Client(credentials(os.environ), gateway="http://127.0.0.1:5050") as client:
        result = await client.terminate("my-session")
        print(result.session.fate, result.circuits.fate)

Nothing here raises for what a server does or says: results are values with their reasons.

Reading path: ``client`` (the one object), ``terminate`` and ``opening`` (what it does), ``gateway``
and ``calls`` (how servers are asked). What an answer means is decided in ``core.deletion`` and
``core.opening``.
"""

from wsproxy.client.client import Client, ClientRules
from wsproxy.client.terminate import DeletionRules
from wsproxy.core.configuration import Configuration
from wsproxy.core.deletion import CircuitsPart, Fate, Fault, SessionPart, Terminated
from wsproxy.core.opening import ListenerNeeded, NotOpened, Opened
from wsproxy.manager.credentials import NoCredentials
from wsproxy.manager.credentials import from_environment as credentials

__all__ = [
    "CircuitsPart",
    "Client",
    "ClientRules",
    "Configuration",
    "DeletionRules",
    "Fate",
    "Fault",
    "ListenerNeeded",
    "NoCredentials",
    "NotOpened",
    "Opened",
    "SessionPart",
    "Terminated",
    "credentials",
]
