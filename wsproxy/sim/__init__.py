"""The simulated manager and apps of the demo and the tests; never imported by the gateway."""
