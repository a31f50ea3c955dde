"""Decisions: values in, values out.

Nothing in this package knows asyncio, sockets, clocks or logs. Time, randomness and addresses are
arguments; what should happen is the return value. The shells in ``net``, ``data``, ``api``,
``manager`` and ``state`` carry it out.
"""
