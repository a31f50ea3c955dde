"""Talking to the manager: signed requests, and the stream tunnel to an app (protocol 3, 8)."""
