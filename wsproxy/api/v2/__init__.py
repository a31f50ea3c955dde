"""The v2 dialect, the App Proxy: clients reach containers through us (protocol 5)."""
