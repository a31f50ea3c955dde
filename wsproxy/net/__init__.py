"""Sockets: connect, pool, HTTP/1 heads, pump, probe, tasks. Foreign errors stop here."""
