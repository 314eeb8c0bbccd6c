"""The bounds within which the figures must be, whatever is drawn."""

from random import SystemRandom

import pytest

from cpproxy.core.redaction.finding import Finder
from cpproxy.core.redaction.policy import Policy
from tests.measures import chances, traffic

FINDER = Finder(Policy())


@pytest.mark.slow
def test_nearly_all_that_is_random_is_found_whole() -> None:
    figures = chances.measure_recall(FINDER, SystemRandom(), 600)
    for (alphabet, length), share in figures.items():
        least = (
            0.80 if length < 20 or alphabet == "lower" else 0.92 if length < 24 or alphabet.lower() == "hex" else 0.97
        )
        assert share >= least, (alphabet, length, share)
    assert sum(figures.values()) / len(figures) >= 0.96


@pytest.mark.slow
def test_identities_digests_and_words_are_no_secrets() -> None:
    figures = chances.measure_alarms(FINDER, SystemRandom(), 300)
    assert sum(figures.values()) / len(figures) <= 0.001, {name: share for name, share in figures.items() if share}


@pytest.mark.slow
@pytest.mark.parametrize("source", traffic.SOURCES)
def test_of_a_thousand_clean_values_of_real_traffic_one_at_most_is_taken_for_a_secret(source: str) -> None:
    tally = traffic.count(FINDER, traffic.SOURCES[source]())
    assert tally.values > 500
    assert len(tally.alarms) <= tally.values / 1000, tally.alarms
