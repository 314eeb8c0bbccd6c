"""The ledger as commands and the desk ask it: opened up to date, filtered by words, judged."""

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from cpproxy.cli.output import gate
from cpproxy.core.answers import Ask
from cpproxy.core.config import Config
from cpproxy.core.judge import Facts, Planned, judge, parse_fail_on
from cpproxy.core.requirements import Requirement
from cpproxy.core.verdict import Verdict
from cpproxy.errors import UsageError
from cpproxy.ledger.database import Filter, KnownRun, Ledger

_LARGEST = (1 << 63) - 1  # that a database can compare with


@contextmanager
def open_ledger(where: str) -> Iterator[Ledger]:
    """The ledger, with all that the journals hold taken over. LedgerError if it cannot be read or written."""
    with Ledger.open(where) as ledger:
        ledger.ingest()
        yield ledger


def parse_filter(words: Mapping[str, str]) -> Filter:
    """The filter that a query's words make. UsageError for a word that is none."""
    known = {field.name for field in dataclasses.fields(Filter)}
    for word in words:
        if word not in known:
            raise UsageError(f"filter {word!a}: expected one of {', '.join(sorted(known))}")
    try:
        wanted = msgspec.convert(dict(words), Filter, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"filter: {error}") from error
    if not (0 <= wanted.after <= _LARGEST and 0 <= wanted.last <= _LARGEST):
        raise UsageError(f"filter: after and last are numbers from 0 to {_LARGEST}")
    return wanted


def judge_run(
    ledger: Ledger, known: KnownRun, config: Config, plan: Mapping[str, Sequence[Planned]], ask: Ask
) -> Verdict:
    """The verdict on a run, today. UsageError for a requirement or a kind that is none."""
    return judge(
        Facts(
            run=known.run,
            calls=ledger.calls(known.run.id),
            today=datetime.datetime.now(datetime.UTC).date(),
            events=ledger.events(known.run.id),
            config=config,
            plan=plan,
            checkout=ask.checkout,
            requirements=tuple(
                # A finding tells it, and it may name a secret.
                dataclasses.replace(one, text=gate().message(one.text))
                for one in map(Requirement.parse, ask.require)
            ),
            fail_on=parse_fail_on(ask.fail_on),
            killed=known.killed,
            session=ask.session,
            wiring=ask.wiring,
        ),
    )
