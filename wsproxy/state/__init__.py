"""What nodes share: one contract (``base``), its stores, and the feed of the route table."""
