"""Names that appear on the wire in more than one place."""

from enum import StrEnum

Buffer = bytes | bytearray | memoryview
"""Bytes that somebody else may own: look, but keep nothing."""

VERSION_HEADER = "X-BackendAI-Wsproxy-Version"
"""On every answer of the gateway: the version of the path the request took or would take."""

SPEAKER_HEADER = "X-BackendAI-Speaker"
"""Only on answers the gateway makes itself (design 5.4); an app's answer never gains it."""

PROBLEM_TYPE_BASE = "https://api.backend.ai/probs/"

PERMIT_COOKIE_PREFIX = "appproxy_permit"
"""Every cookie whose name starts so is the gateway's own and is removed before the app."""

SETUP_PATH = "/.wsproxy/setup"
"""The one path the gateway reserves on an app's own origin (design 9, Permits)."""


class Version(StrEnum):
    """The two generations of the protocol."""

    V1 = "v1"
    V2 = "v2"


class Speaker(StrEnum):
    """Who said an answer."""

    GATEWAY = "gateway"
    MANAGER = "manager"
    COORDINATOR = "coordinator"
    APP = "app"
