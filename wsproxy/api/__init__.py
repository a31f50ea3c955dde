"""The control API (aiohttp): the two dialects, versions, circuits, health."""
