"""The cassette: one typed definition that both the reading and the writing side use.

A cassette is one JSON file a scenario. Its members, in the order in which they are written:

    cpproxy         the format's version, counted apart from releases
    recorded        when (UTC, RFC 3339) and from what upstream
    incomplete      why the recording must not be trusted whole; absent where it can be
    identities      values that name things, where they were named by hand
    not_identities  values that name nothing, whatever they look like, named by hand too
    placeholders    what stands for a secret in this file, by role; never a value
    interactions    request and response pairs, in the order in which the requests arrived
"""

from msgspec import UNSET, Raw, Struct, UnsetType

VERSION = 1


class Layout(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The white space of a JSON body: `indent` < 0 is none, 0 one line with spaces, n > 0 lines indented by n.

    `before` and `after` stand around the value.
    """

    indent: int = -1
    before: str = ""
    after: str = ""


COMPACT = Layout()


class Body(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A body, decoded from its content coding, as exactly one of `json`, `text`, `base64` and `omitted`.

    `omitted` is the size in bytes of a body that is not held: `sha256` is the digest of one over the cap of what a
    cassette holds, and empty for one that could hold a secret unseen, or a request that was answered before its end.
    `coding` lists the content codings that were taken off, in the order of `Content-Encoding`.
    """

    json: Raw | UnsetType = UNSET
    text: str | UnsetType = UNSET
    base64: str | UnsetType = UNSET
    omitted: int | UnsetType = UNSET
    sha256: str = ""
    layout: Layout = COMPACT
    coding: tuple[str, ...] = ()


class Credential(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A credential that was present: the header's name in lower case, and its scheme where it has one."""

    header: str
    scheme: str = ""


class RecordedRequest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the client sent: end-to-end headers without `Host`, credentials as placeholders."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: Body | UnsetType = UNSET


class RecordedResponse(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the upstream answered.

    `chunks` holds `[milliseconds after the head, bytes]` of each piece of a streamed body that stands as it came.
    """

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: Body | UnsetType = UNSET
    chunks: tuple[tuple[int, int], ...] = ()


class Interaction(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One recorded request and its response; `start` and `end` are seconds on the recording's one clock."""

    id: str
    start: float
    end: float
    request: RecordedRequest
    response: RecordedResponse
    credentials: tuple[Credential, ...] = ()


class Recorded(Struct, frozen=True, forbid_unknown_fields=True):
    """When the recording began (UTC, RFC 3339) and the upstream's base URL."""

    at: str
    upstream: str


class Placeholder(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in this file for a secret: `marker` as it stands there, `role` the name it was found under."""

    marker: str
    role: str


class CassetteOf[T](Struct, frozen=True, forbid_unknown_fields=True):
    """One scenario's interactions; see the module for the file's members.

    As `CassetteOf[Raw]` the interactions stay undecoded, so that replay holds thousands of them in little memory.
    """

    cpproxy: int
    recorded: Recorded
    interactions: tuple[T, ...]
    incomplete: str = ""
    identities: tuple[str, ...] = ()
    placeholders: tuple[Placeholder, ...] = ()
    not_identities: tuple[str, ...] = ()


type Cassette = CassetteOf[Interaction]
