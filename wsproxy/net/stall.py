"""A client that takes nothing of what waits for it must not keep an app's connection for ever."""

import asyncio
from collections.abc import Callable

from wsproxy.net.sockets import undelivered
from wsproxy.net.timer import Timer
from wsproxy.net.wheel import Wheel


class Stall:
    """Between ``begin`` and ``end`` the other side must take something in each ``seconds``.

    Else ``action`` is called, and it has ended. A little is enough, however slow (``undelivered``).
    """

    __slots__ = ("_action", "_left", "_seconds", "_timer", "_transport", "_waits")

    def __init__(
        self,
        transport: asyncio.Transport,
        wheel: Wheel,
        seconds: float,
        action: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._seconds = seconds
        self._action = action
        self._timer = Timer(wheel)
        self._waits = False
        self._left = 0

    def begin(self) -> None:
        """It takes no more at the moment."""
        if not self._waits:
            self._waits = True
            self._look_again(undelivered(self._transport))

    def end(self) -> None:
        """It does again."""
        self._waits = False
        self._timer.clear()

    def close(self) -> None:
        """Nothing of it is kept."""
        self.end()
        self._timer.close()

    def _look(self) -> None:
        left = undelivered(self._transport)
        if left != self._left:
            self._look_again(left)
            return
        self._waits = False
        self._action()

    def _look_again(self, left: int) -> None:
        self._left = left
        self._timer.set(self._seconds, self._look)
