"""The v1 dialect: the local proxy, where apps are reached through the manager (protocol 2)."""
