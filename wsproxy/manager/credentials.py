"""Who we are at a manager, from the variables of the Python client (design 10).

BACKEND_ENDPOINT                            the manager, or the web server in SESSION mode
BACKEND_ACCESS_KEY, BACKEND_SECRET_KEY      API mode
BACKEND_SESSION                             SESSION mode: the id of a web server's login session
"""

from collections.abc import Mapping

from wsproxy.core.configuration import BadConfiguration, Configuration, read_configuration

ENDPOINT = "BACKEND_ENDPOINT"
ACCESS_KEY = "BACKEND_ACCESS_KEY"
SECRET_KEY = "BACKEND_SECRET_KEY"
SESSION = "BACKEND_SESSION"

API = 8
"""Commands talk to today's routes, in a revision that managers of every age know."""


class NoCredentials(ValueError):
    """The variables do not say who we are; the message says which to set."""


def from_environment(environment: Mapping[str, str], endpoint: str = "") -> Configuration:
    """The identity that the variables describe; ``endpoint`` goes before the variable.

    Where BACKEND_ENDPOINT is a list, as the Python client allows, its first entry counts. A session
    wins over a key pair, as in the Python client. Raises ``NoCredentials``.
    """
    where = endpoint or environment.get(ENDPOINT, "").partition(",")[0].strip()
    if not where:
        raise NoCredentials(f"Set {ENDPOINT} to the manager, or to the web server with {SESSION}.")
    document = {"endpoint": where, "api_version": API}
    if session := environment.get(SESSION, ""):
        document |= {"mode": "SESSION", "session": session}
    else:
        access_key, secret_key = environment.get(ACCESS_KEY, ""), environment.get(SECRET_KEY, "")
        if not (access_key and secret_key):
            raise NoCredentials(f"Set {ACCESS_KEY} and {SECRET_KEY}, or {SESSION}.")
        document |= {"mode": "API", "access_key": access_key, "secret_key": secret_key}
    try:
        return read_configuration(document)
    except BadConfiguration as error:
        raise NoCredentials(f"The variables cannot be used: {error}.") from None
