"""Latencies as the bench prints them."""

import pytest

from partita.latency import Latencies


def test_quantiles_are_within_two_per_cent_of_the_truth() -> None:
    latencies = Latencies()
    for number in range(1, 10_001):
        latencies.add(number / 10_000)
    for fraction in (0.01, 0.5, 0.99, 1.0):
        assert latencies.quantile(fraction) == pytest.approx(fraction, rel=0.025)


def test_nothing_measured_is_nothing() -> None:
    assert Latencies().quantile(0.5) == 0.0
