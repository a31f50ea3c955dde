"""What commands set for a whole process is put back after each test.

Generated examples have no deadline: that one takes longer says that the machine is busy.
"""

import gc
import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from wsproxy.observe import logs

LOGGERS = [logging.getLogger(name) for name in (logs.LOGGER, *logs.NOISY)]
AT_FIRST = [(each.handlers, each.propagate, each.level) for each in LOGGERS]
THRESHOLDS = gc.get_threshold()

settings.register_profile(
    "whatever-else-runs", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("whatever-else-runs")


@pytest.fixture(autouse=True)
def process_settings() -> Iterator[None]:
    """Log handlers, and how often the interpreter looks for cycles. Fixtures of a whole module run
    commands too, so it is put back before a test as well.
    """
    _put_back()
    yield
    _put_back()


def _put_back() -> None:
    for each, (handlers, propagate, level) in zip(LOGGERS, AT_FIRST, strict=True):
        each.handlers, each.propagate = handlers, propagate
        each.setLevel(level)
    if gc.get_threshold() != THRESHOLDS:
        gc.unfreeze()
        gc.set_threshold(*THRESHOLDS)
