"""Traffic: listeners, the HTTP exchange, tunnels, replies, activity."""
