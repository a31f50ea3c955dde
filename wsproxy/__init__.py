"""One gateway for Backend.AI app traffic, in both generations of its protocol."""

__version__ = "0.1.0"
