"""Eras as data: one row per release line of every peer, and what is peculiar to it.

Rows are TOML tables (``clients.toml``, ``managers.toml``, ``proxies.toml``), read by ``rows`` into
frozen models. A client's row drives a *player*, a server's row a *stand-in*. Each row names where
its facts were seen: a section of the protocol's description, an observation, or a recording.
"""
