"""Replay against a model: random stories of several actors, recorded one way and told again another."""

from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.stories import Retelling, Setting, make_tale, record, retell

SCENARIOS = 1_000


class Stories(RuleBasedStateMachine):
    """Any actor whose story goes on may call next."""

    retelling: Retelling | None = None

    @initialize(seed=st.integers(0, 2**32), at_once=st.booleans(), setting=st.builds(Setting, *[st.booleans()] * 3))
    def begin(self, *, seed: int, at_once: bool, setting: Setting) -> None:
        random = Random(seed)
        tale = make_tale(random)
        tape = record(tale, random, at_once=at_once)
        self.retelling = Retelling(tale, tape, random, setting)

    @rule(pick=st.integers(0, 3))
    def advance(self, pick: int) -> None:
        """The story of one who is left goes on; when all are told, nothing is."""
        if self.retelling is not None and (actors := sorted(self.retelling.stories)):
            self.retelling.advance(actors[pick % len(actors)])

    def teardown(self) -> None:
        if self.retelling is not None:
            self.retelling.finish()


Stories.TestCase.settings = settings(
    max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStories = Stories.TestCase


def test_some_stories_are_told_again_as_they_would_have_been() -> None:
    for seed in range(20):
        retell(seed)


@pytest.mark.slow
def test_a_thousand_stories_are_told_again_as_they_would_have_been() -> None:
    calls = doubts = excused = forged = 0
    for seed in range(SCENARIOS):
        told = retell(1_000_000 + seed)
        calls += told.calls
        doubts += told.doubts
        excused += told.excused
        forged += told.forged
    assert calls > 20 * SCENARIOS
    assert forged > 2 * SCENARIOS
    assert doubts < calls / 15
    assert excused < calls / 200
