import pytest

from benchmarks.works.processes import busiest


@pytest.mark.parametrize(
    ("used", "cores", "most"),
    [
        ([4.0], 1, 4.0),
        ([3.0, 1.0], 1, 4.0),
        ([3.0, 1.0], 2, 3.0),  # one process cannot be split
        ([2.0, 2.0, 1.0], 2, 2.5),
        ([0.0], 2, 0.0),
    ],
)
def test_the_core_that_has_most_to_do(used: list[float], cores: int, most: float) -> None:
    assert busiest(used, cores) == most
