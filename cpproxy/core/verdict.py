"""The verdict: what `verify` concludes from a run, as typed findings that every report reads."""

from enum import StrEnum

from msgspec import Struct

from cpproxy.core.runs import Mode


class Kind(StrEnum):
    """What a finding is about, the gravest first. All but the `WARNINGS` fail a run."""

    MISROUTE = "misroute"
    TRAP_DIED = "trap_died"
    DIGEST_MISMATCH = "digest_mismatch"
    MISS = "miss"
    USED_UP = "used_up"
    UNAUTHORIZED = "unauthorized"
    ERROR = "error"
    UNDETERMINED = "undetermined"
    ABSENCE = "absence"
    REQUIREMENT = "requirement"
    ABSENT_CASSETTE = "absent_cassette"
    UNTOUCHED_CASSETTE = "untouched_cassette"
    LOST_CASSETTE = "lost_cassette"
    INCOMPLETE_CASSETTE = "incomplete_cassette"
    XFAIL_SCENARIO = "xfail_scenario"
    FAILED_SCENARIO = "failed_scenario"
    EMPTY_RUN = "empty_run"
    UNPROVEN = "unproven"
    KILLED = "killed"
    FOREIGN = "foreign"
    UNPLAYED_WRITE = "unplayed_write"
    UNASKED_READ = "unasked_read"


WARNINGS = frozenset({Kind.UNPROVEN, Kind.KILLED, Kind.FOREIGN, Kind.UNPLAYED_WRITE, Kind.UNASKED_READ})
"""The kinds that warn, and fail a run only under `--fail-on`."""


class Misroutes(StrEnum):
    """What is known of calls that went past the front: some did, none did, or nobody can tell."""

    FOUND = "found"
    PROVEN = "proven"
    UNPROVEN = "unproven"


class Finding(Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong, however often it happened: `text` is a paragraph for people.

    `call` is the first call's id (`RUN:SEQ`), `exempt` the issue under which it is known and tolerated for now.
    """

    kind: Kind
    text: str
    count: int = 1
    call: str = ""
    scenario: str = ""
    client: str = ""
    route: str = ""
    exempt: str = ""


class Verdict(Struct, frozen=True):
    """What a run comes to. `exit` is 0 (clean), 1 (findings) or 5 (nothing was served).

    `outcomes` counts calls by outcome, `played` and `recorded` the interactions of the cassettes that were served, and
    `scenarios` are all that the run was about, in order. `misroutes` is `found` where there was one, `proven` where
    there was none and each client has shown that its would have been caught by a trap that lived on, else `unproven`.
    """

    run: str
    mode: Mode
    exit: int
    calls: int
    outcomes: dict[str, int]
    played: int
    recorded: int
    scenarios: tuple[str, ...]
    misroutes: Misroutes
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    exempted: tuple[Finding, ...]
