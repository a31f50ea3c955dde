"""Players: clients of every age, played from their rows (``eras/clients.toml``).

    play = await player("webui-23.03", patience=10.0).play(scene)

Reading path: ``webui`` (the steps), ``launch``, ``use``, ``ending`` (what each step asks, and what
stops it), ``act`` (what is known by now), ``browser`` (what a page may see), ``conversation``
(requests and their record). ``python_client`` stands for itself.
"""

from wsproxy.compat.eras.clients import Client, clients
from wsproxy.compat.eras.rows import chosen
from wsproxy.compat.players.python_client import PythonClient
from wsproxy.compat.players.webui import PATIENCE, WebUi
from wsproxy.compat.scene import Player

__all__ = ["PATIENCE", "player", "player_of"]


def player(name: str, *, patience: float = PATIENCE, closes: bool = True) -> Player:
    """The client of that era; raises ``EraError`` for a name without a row."""
    return player_of(chosen(name, clients()), patience=patience, closes=closes)


def player_of(row: Client, *, patience: float = PATIENCE, closes: bool = True) -> Player:
    """A player for ``row``."""
    if row.cli is not None:
        return PythonClient(row, patience=patience, closes=closes)
    return WebUi(row, patience=patience, closes=closes)
