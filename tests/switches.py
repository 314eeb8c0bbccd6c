"""What stands in for a rule of replay that is switched off: `rules` says which for which."""

# ruff: noqa: ARG005 - what stands in for a rule takes what the rule takes, and is where the rule is

import itertools
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from msgspec import structs

from cpproxy.core import matching
from cpproxy.core.calls import Outcome
from cpproxy.core.replay import (
    bindings,
    decisions,
    documents,
    identities,
    reading,
    search,
    session,
    templates,
    timelines,
    tokens,
    views,
)

type Switch = tuple[Any, str, Any]
"""What holds a rule, the name under which it does, and what stands there once it is off."""

NEVER = re.compile(r"(?!)")


def nothing(*_arguments: Any, **_more: Any) -> None:
    return None


def whole_texts_alone(find: Any) -> Any:
    return lambda self, text: [one for one in find(self, text) if (one.start, one.end) == (0, len(text))]


def shortest_first(find: Any) -> Any:
    def prepare(self: Any) -> None:
        find(self)
        self._starts = {run: tuple(reversed(lengths)) for run, lengths in self._starts.items()}

    return prepare


def shorten_anyway(catalogue: identities.Catalogue, every: set[str]) -> None:
    for identity, why in catalogue.why.items():
        if why == "UUID" and identity[:8] in every:
            catalogue.add(identity[:8], identity, f"{identities.FIRST}8")


def without(place: str, find: Any) -> Any:
    return lambda form, catalogue: [one for one in find(form, catalogue) if one[0][0] != place]


def asked_alone(find: Any) -> Any:
    def find_creators(self: Any) -> None:
        told = {entry: entry.told for entry in self.entries}
        for entry in self.entries:
            entry.told = frozenset()
        find(self)
        for entry in self.entries:
            entry.told = told[entry]

    return find_creators


def making_counts(learn: Any) -> Any:
    def forget(self: Any) -> None:
        learn(self)
        self.introducing = set()

    return forget


def told_too(make: Any) -> Any:
    def make_view(line: Any, entries: Any, *more: Any) -> Any:
        asked = entries[0].asked
        entries[0].asked = asked | entries[0].told
        view = make(line, entries, *more)
        entries[0].asked = asked
        return view

    return make_view


def makers_alone(find: Any) -> Any:
    return lambda self, subject: tuple(one for one in find(self, subject) if one in self.creators.values())


def namers_alone(find: Any) -> Any:
    return lambda self, subject: tuple(one for one in find(self, subject) if one.asked & set(subject))


def first_world(find: Any) -> Any:
    return lambda self, world, slots: find(self, self.lines[0].world if self.lines else world, slots)


def no_secret(identity: str, form: str, *, secret: bool) -> templates.Slot:
    return PLAIN_SLOT(identity, form, secret=False)


def under_any_name(find: Any) -> Any:
    def find_generations(self: Any, own: Any) -> None:
        find(self, {one.number: one.asked for one in self.entries if one.number in own})

    return find_generations


def at_any_time(self: Any, thing: Any, world: Any) -> Any:
    for other in self.since.get(thing, ()):
        yield from self._find_done(other, world)


def never_crowded(relate: Any) -> Any:
    def relate_all(changes: Any, world: Any) -> Any:
        found = relate(changes, world)
        found.crowded.clear()
        return found

    return relate_all


def whoever_was_told(find: Any) -> Any:
    return lambda first, *more: find(replace(first, secrets=()), *more)


def wherever_it_stands(walk: Any) -> Any:
    return lambda value, kind, catalogue: (((), one) for _, one in walk(value, kind, catalogue))


def whatever_was_written(seen: Any, _world: Any) -> Any:
    return ((one, other) for (_, one), (_, other) in itertools.pairwise(seen))


def what_looks_made(read: Any) -> Any:
    def read_made(gaps: Any, found: Any) -> Any:
        return [values for values in read(gaps, found) if all(one.isdigit() or tokens.find_made(one) for one in values)]

    return read_made


def forgetful(unify: Any) -> Any:
    return lambda self, *more, firm: unify(bindings.Bindings(self.live, {}, self.loose), *more, firm=firm)


def with_credentials(normal: Any) -> Any:
    def compared(request: Any, route: Any, *more: Any) -> Any:
        form = normal(request, route, *more)
        values = tuple(value for name, value in request.headers if name.lower() == b"authorization")
        return structs.replace(form, headers=(*form.headers, values))

    return compared


def by_header_alone(self: Any, credentials: Any) -> Any:
    sent = {one.header for one in credentials}
    return tuple(one for one in self.entries if {each.header for each in one.credentials} <= sent)


def one_secret_a_value(weigh: Any) -> Any:
    def judge(entry: Any, sent: Any, secrets: Any, values: Any, *, strict: bool) -> Any:
        for header, marker in entry.secrets:
            taken = [known for (_, one), known in secrets.used.items() if one != marker]
            if any(value == sent.value(header) for known in taken for _, value in known):
                return f"{header} stands for another secret"
        return weigh(entry, sent, secrets, values, strict=strict)

    return judge


def strictly(judge: Any, *, strict: bool) -> Any:
    kept = strict
    return lambda entries, sent, secrets, values, *, strict: judge(entries, sent, secrets, values, strict=kept)


def without_slots(judge: Any) -> Any:
    return lambda entries, sent, secrets, values, *, strict: judge(entries, sent, secrets, strict=strict)


def denied(tell: Any) -> Any:
    def refuse(self: Any, asking: Any, candidate: Any, reading: Any, candidates: Any) -> Any:
        if reading.entry.status == 401:
            return decisions.Refuse(Outcome.UNAUTHORIZED, 401, "denied", asking.form)
        return tell(self, asking, candidate, reading, candidates)

    return refuse


def never_before(line: Any, entries: Any, added: dict[str, str], state: Any) -> Any:
    for identity, value in added.items():
        creator = line.world.creators.get(identity)
        if creator is not None and value != identity and creator not in entries and not state.is_played(creator):
            return creator, identity
    return None


def play_unreserved(self: Any, entry: Any) -> None:
    taken = entry in self.taken
    PLAY(self, entry)
    if not taken:
        self.taken.discard(entry)


def settle_at_last(self: Any, *, delivered: bool) -> None:
    SETTLE(self, delivered=delivered)
    if delivered:
        self.session.taken.add(self.entry)


def rank_later(candidate: Any, asking: Any) -> Any:
    *rank, number = RANK(candidate, asking)
    return (*rank, -number)


def ranked_worlds(candidate: Any, asking: Any) -> Any:
    scenario, free, _, *rest = RANK_WORLDS(candidate, asking)
    return (scenario, free, 0, *rest)


def by_latest_write(candidate: Any, asking: Any) -> Any:
    *before, _ = RANK_WORLDS(candidate, asking)
    played = asking.session.played
    latest = max((played.get(one.number, 0) for one in candidate.line.world.entries), default=0)
    return (*before, -latest)


def no_deletions(find: Any) -> Any:
    def concerning(self: Any, subject: Any) -> Any:
        found = find(self, subject)
        return tuple(one for one in found if one.method != "DELETE" or one.number not in self.introducing)

    return concerning


def values_count(headers: Any) -> Any:
    return tuple(sorted(value for name, value in headers if name.lower() in matching.CONDITIONAL))


def starting_over(tell: Any) -> Any:
    def again(self: Any, caller: Any, timeline: Any, found: Any, *more: Any) -> Any:
        steps = found.steps.steps
        key = (caller, timeline, found.steps.state)
        if self.progress.get(key, -1) == len(steps) - 1:
            self.progress.pop(key, None)
        return tell(self, caller, timeline, found, *more)

    return again


def smallest_state(find: Any) -> Any:
    def search_states(self: Any, state: Any) -> Any:
        found = find(self, state)
        earlier = [known for known in self._clear if known < state]
        if found is None or not found.doubt or not earlier:
            return found
        return timelines.Found(self._clear[min(earlier, key=len)], found.doubt)

    return search_states


def within_writes_first(find: Any) -> Any:
    def search_states(self: Any, state: Any) -> Any:
        seen = [one for before, until, one in self._doubtful if before <= state <= until]
        return timelines.Found(timelines.Steps(state, timelines.collapse(seen))) if seen else find(self, state)

    return search_states


def never_between(find: Any) -> Any:
    def search_states(self: Any, state: Any) -> Any:
        found = find(self, state)
        return timelines.Found(found.steps, "never asked") if found is not None and found.at_end else found

    return search_states


def earliest_anyway(find: Any) -> Any:
    return lambda own, *more, **named: find(own, *more, **named) or reading._earliest(own)


def every_step(seen: Iterable[timelines.Seen]) -> tuple[timelines.Step, ...]:
    return tuple(timelines.Step(one, one.start, one.end) for one in seen)


def stable(**changed: Any) -> Any:
    def make(window: Any, fresh: Any, volatile: Any) -> Any:
        return documents.Stable(**({"window": window, "fresh": fresh, "volatile": volatile} | changed))

    return make


def without_volatile(make: Any) -> Any:
    return lambda line, entries, catalogue, volatile: make(line, entries, catalogue, ())


def no_numbers(still: Any) -> Any:
    return lambda self, value: "\0number" if type(value) is int else still(self, value)


def no_ids(still: Any) -> Any:
    return lambda self, value: "\0new" if isinstance(value, str) and tokens.find_made(value) else still(self, value)


def framed(*, less: int) -> Any:
    def frame(*more: Any) -> Any:
        whole: Any = FRAME(*more)
        return tuple(one for at, one in enumerate(whole) if at != less)

    return frame


def lists_alone(find: Any) -> Any:
    def find_layout(*more: Any) -> Any:
        layout = find(*more)
        return documents.Layout({kind: name for kind, name in layout.keys.items() if name != documents._BY_NAME})

    return find_layout


def first_name(kind: Any, lists: Any, catalogue: Any, subject: Any) -> str:
    for element in (one for elements in lists for one in elements if isinstance(one, dict)):
        for name, leaf in element.items():
            if documents.identify(name, leaf, catalogue):
                return str(name)
    return ""


def never_absent(make: Any) -> Any:
    def parts(*more: Any) -> Any:
        for one in make(*more):
            seen = tuple(each for each in one.timeline.seen if each.source is not views.ABSENT)
            yield views.Part(one.steps, timelines.Timeline(one.timeline.writes, seen), one.creator, one.things)

    return parts


def still_rest(make: Any) -> Any:
    def view(*more: Any) -> Any:
        made = make(*more)
        made.rest = timelines.Timeline(made.rest.writes, made.rest.seen[:1])
        return made

    return view


class Shared(dict[Any, Any]):
    """What is remembered under keys of which a part is left out."""

    def __init__(self, cut: Any) -> None:
        super().__init__()
        self._cut = cut

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(self._cut(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(self._cut(key), value)

    def pop(self, key: Any, *default: Any) -> Any:
        return super().pop(self._cut(key), *default)


def remembering(name: str, cut: Any) -> Switch:
    def begin(self: Any, *more: Any, **named: Any) -> None:
        BEGIN(self, *more, **named)
        setattr(self, name, Shared(cut))

    return (session.Session, "__init__", begin)


def as_recorded(self: Any, bound: Any, *_echoes: Any) -> str:
    gaps = zip(self.gaps, self.pieces[1:], strict=True)
    return str(self.pieces[0] + "".join(identities.render(identity, form) + piece for (identity, form), piece in gaps))


def recorded_lengths(send: Any) -> Any:
    def answer(script: Any, *more: Any) -> Any:
        made = send(script, *more)
        lengths = {name: text.pieces[0].encode() for name, text in script.headers if name.lower() == b"content-length"}
        return replace(made, headers=tuple((name, lengths.get(name, value)) for name, value in made.headers))

    return answer


PLAIN_SLOT = templates.Slot
PLAY = session.Session.play
SETTLE = decisions.Serve.settle
BEGIN = session.Session.__init__
RANK = search.rank
RANK_WORLDS = search.rank_worlds
FRAME = documents.frame
