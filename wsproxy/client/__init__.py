"""Talking to a gateway and a manager from outside: session deletion, opening an app."""
