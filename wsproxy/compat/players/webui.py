"""The WebUI of any age, in a browser or in the desktop app: its row says which."""

from wsproxy.compat.eras.clients import Client, SpeaksTo, Ui
from wsproxy.compat.players.act import Act, Wishes, take
from wsproxy.compat.players.browser import Browser
from wsproxy.compat.players.conversation import Conversation, connections
from wsproxy.compat.players.cors import origin_of
from wsproxy.compat.players.ending import close, terminate
from wsproxy.compat.players.launch import launch
from wsproxy.compat.players.use import use
from wsproxy.compat.scene import Interlude, Play, Scene, Step
from wsproxy.core.streamfields import SESSION_COOKIE

PATIENCE = 60.0


class WebUi:
    """Plays one row. ``closes``: close the app before the session is deleted, or leave it open.

    ``patience`` seconds are waited at most for any single thing; an outcome says when the client
    itself would have waited longer.
    """

    def __init__(
        self,
        row: Client,
        *,
        patience: float = PATIENCE,
        closes: bool = True,
        wishes: Wishes | None = None,
    ) -> None:
        assert row.ui is not None, row.name
        self._name = row.name
        self._ui: Ui = row.ui
        self._patience = patience
        self._closes = closes
        self._wishes = wishes or Wishes()

    @property
    def name(self) -> str:
        return self._name

    async def play(self, scene: Scene, *, before_terminate: Interlude | None = None) -> Play:
        async with connections() as http:
            act = self._act(scene, Conversation(http, self._patience))
            act.play.conversation = act.conversation.exchanges
            await take(act.play, Step.LAUNCH, self._launch(act))
            if act.opened is not None:
                await take(act.play, Step.USE, use(act.browser, act.opened, scene.marker))
                if self._closes:
                    await take(act.play, Step.CLOSE, close(act))
            if before_terminate is not None:
                await before_terminate()
            await take(act.play, Step.TERMINATE, terminate(act))
            return act.play

    async def _launch(self, act: Act) -> str:
        act.api_version = await act.manager.api_version()
        return await launch(act)

    def _act(self, scene: Scene, conversation: Conversation) -> Act:
        origin = origin_of(scene.webserver) if self._ui.origin == "own" else self._ui.origin
        browser = Browser(origin, conversation)
        if self._ui.mode is SpeaksTo.SESSION:
            browser.jar.put(scene.webserver, SESSION_COOKIE, scene.login)
        return Act(self._ui, scene, browser, self._wishes)
