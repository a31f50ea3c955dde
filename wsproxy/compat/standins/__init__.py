"""Stand-ins: servers that answer as the proxies before this gateway did (protocol 2 to 7).

    async with standin(row, manager=…) as addresses:
        ...

``stand`` enters the one for a row of ``eras.proxies``. They are right in what clients see, down to
what is wrong in it; they are neither fast nor safe, and listen on loopback only.

Reading path: ``stand``; ``node`` with ``nodegateway`` (v1); ``python`` and ``appproxy`` with
``worker`` (v2), which share ``circuits``, ``appport`` (what carries the apps), ``checks`` and
``problems`` (what is said of a wrong request).
"""
