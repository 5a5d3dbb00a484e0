import pytest

from bench.cores import Cores, share_cores
from bench.errors import NotMeasurable


def test_with_two_cores_all_but_the_gateway_share_one() -> None:
    cores = share_cores({0, 1})
    assert cores == Cores(frozenset({0}), frozenset({1}), frozenset({1}))


def test_with_more_cores_the_load_client_has_its_own() -> None:
    cores = share_cores({7, 4, 5, 6})
    assert cores == Cores(frozenset({4}), frozenset({5}), frozenset({6, 7}))


def test_one_core_is_not_enough() -> None:
    with pytest.raises(NotMeasurable, match="one core"):
        share_cores({0})
