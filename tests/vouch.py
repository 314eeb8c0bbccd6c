"""What tests have made themselves, and holds no secret, as the sinks accept it: past the gate."""

from typing import cast

from cpproxy.core.calls import Call
from cpproxy.core.cassette import Cassette, CassetteOf, Interaction
from cpproxy.core.redaction.redacted import RedactedCall, RedactedEvent, RedactedInteraction, RedactedRun
from cpproxy.core.runs import Event, Run


def row(call: Call) -> RedactedCall:
    """A row."""
    return cast("RedactedCall", call)


def run(header: Run) -> RedactedRun:
    """A run's header."""
    return cast("RedactedRun", header)


def event(event_: Event) -> RedactedEvent:
    """An event of a run."""
    return cast("RedactedEvent", event_)


def interaction(made: Interaction) -> RedactedInteraction:
    """An interaction."""
    return cast("RedactedInteraction", made)


def cassette(made: Cassette) -> CassetteOf[RedactedInteraction]:
    """A cassette."""
    return cast("CassetteOf[RedactedInteraction]", made)
