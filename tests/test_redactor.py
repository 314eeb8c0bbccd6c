"""The gate: what leaves memory, and that nothing gets out past it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw, Struct

import cpproxy
from cpproxy.core.calls import Call, Outcome
from cpproxy.core.config import Redact
from cpproxy.core.redaction.redactor import LARGEST_DOCUMENT, Redactor
from cpproxy.core.runs import Mode, Run, ScenarioBegun, Served

TOKEN = "Zk3-secret-Qx81"
CHANCE = "pX4tQ9vL2mZ7cR1nB8kD5sW3"
PACKAGE = Path(cpproxy.__file__).parent


@pytest.mark.parametrize(
    ("body", "held"),
    [
        (b' {"org_id":"a","token":"sesame"}', b'{"org_id":"a","token":"***"}'),
        (b"[1,2]", b"[1,2]"),
        (b"", None),
        (b'"sesame"', None),
        (b"{", None),
        (b'{"a":"\xff"}', None),
        (b"[" * 50_000, None),
        (b"[" + b" " * LARGEST_DOCUMENT + b"]", None),
    ],
)
def test_the_ledger_holds_objects_and_lists_masked(body: bytes, held: bytes | None) -> None:
    found = Redactor().document(body)
    assert (bytes(found) if isinstance(found, Raw) else None) == held


def test_what_a_calls_headers_show_stands_in_no_row() -> None:
    redactor = Redactor()
    redactor.learn_headers(((b"Authorization", b"Bearer " + TOKEN.encode()), (b"Accept", b"*/*")))
    row = redactor.call(
        Call(1, 1.0, Outcome.MISS, "GET", f"/x?q={TOKEN}&n=1", host=f"{TOKEN}.example", reason=f"no {TOKEN} here")
    )
    assert (row.target, row.host, row.reason) == ("/x?q=***&n=1", "***.example", "no *** here")
    assert redactor.document(f'{{"a":"{TOKEN}"}}'.encode()) == Raw(b'{"a":"***"}')


def test_a_row_that_holds_no_secret_is_the_very_same_object() -> None:
    call = Call(1, 1.0, Outcome.REPLAYED, "GET", "/x?page=1", host="cp:9090")
    redactor = Redactor()
    assert redactor.call(call) is call
    assert redactor.call(call) is call


def test_what_was_remembered_is_looked_at_again_once_more_is_known() -> None:
    redactor = Redactor()
    assert redactor.text(f"say {TOKEN}") == f"say {TOKEN}"
    assert redactor.target(f"/x?q={TOKEN}") == f"/x?q={TOKEN}"
    assert redactor.document(f'["{TOKEN}"]'.encode()) == Raw(f'["{TOKEN}"]'.encode())
    redactor.learn_headers(((b"X-Api-Key", TOKEN.encode()),))
    assert redactor.text(f"say {TOKEN}") == "say ***"
    assert redactor.target(f"/x?q={TOKEN}") == "/x?q=***"
    assert redactor.document(f'["{TOKEN}"]'.encode()) == Raw(b'["***"]')


def test_what_was_remembered_is_looked_at_again_once_a_part_of_it_is_known() -> None:
    redactor = Redactor()
    value = "Maple-42-x"
    row = Call(1, 0.5, Outcome.RECORDED, "GET", f"/notes/{value}", 200)
    document = b'{"note":"see %b"}' % value.encode()
    for _ in range(3):
        assert redactor.text(f"see {value}") == f"see {value}"
        assert redactor.call(row) is row
        assert redactor.document(document) == Raw(document)
        redactor.keep("another-Value-7", "token")
    redactor.keep(value, "token")
    for _ in range(3):
        assert redactor.text(f"see {value}") == "see ***"
        assert redactor.call(row).target == "/notes/***"
        assert redactor.document(document) == Raw(b'{"note":"see ***"}')


def test_a_token_that_nothing_names_is_masked_in_what_quotes_a_call_and_stays_in_what_cpproxy_says_itself() -> None:
    redactor = Redactor()
    assert redactor.text(f"no answer for {CHANCE}") == "no answer for ***"
    assert redactor.message(f"{CHANCE}\n") == f"{CHANCE}\n"
    assert redactor.json(b'{"note":"%s"}' % CHANCE.encode()) == Raw(b'{"note":"***"}')
    assert redactor.own_json(b'{"note":"%s"}' % CHANCE.encode()) == Raw(b'{"note":"%s"}' % CHANCE.encode())


def test_values_that_the_config_names_are_known_from_the_start() -> None:
    redactor = Redactor(Redact(), [(TOKEN, "STAGING_TOKEN"), ("", "EMPTY")])
    assert redactor.message(f"x{TOKEN}y") == "x***y"


def test_headers_and_events_of_runs_go_through_it() -> None:
    redactor = Redactor(Redact(), [(TOKEN, "T")])
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    run = Run("20260101T000000-ab12", Mode.REPLAY, 1.0, url="http://127.0.0.1:1", cassettes=(Served(TOKEN, digest),))
    assert redactor.run(run) == msgspec.structs.replace(run, cassettes=(Served("***", digest),))
    event = ScenarioBegun(1.0, "boot", xfail=f"#1 {TOKEN}")
    redacted: Struct = redactor.event(event)
    assert redacted == ScenarioBegun(1.0, "boot", xfail="#1 ***")


def test_what_is_clean_stays_as_it_is() -> None:
    redactor = Redactor(Redact(), [(TOKEN, "T")])
    text = "a line\n\twith \N{SNOWMAN} and {{cpproxy:token:1}}"
    assert redactor.clean(text, since=0) is text
    assert redactor.message(text) == text


# ---------------------------------------------------------------------- nothing gets out past it

GATED = frozenset(
    {"RedactedText", "RedactedJson", "RedactedCall", "RedactedInteraction", "RedactedRun", "RedactedEvent"}
)
"""What the sinks accept."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text())


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the dotted name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_only_the_redactor_makes_what_the_sinks_accept() -> None:
    made = [
        (module, called)
        for module, tree in modules()
        for called, node in calls(tree)
        if called.rpartition(".")[2] in GATED
        or (called.rpartition(".")[2] == "cast" and any(name in ast.unparse(node.args[0]) for name in GATED))
    ]
    assert {module for module, _ in made} <= {f"core/redaction/{name}.py" for name in ("redactor", "exchanges")}
    assert made


def test_only_one_module_writes_to_the_terminal() -> None:
    writes = {
        module
        for module, tree in modules()
        for called, _ in calls(tree)
        if called in {"print", "click.echo", "click.secho", "traceback.print_exc", "traceback.print_exception"}
        or called.startswith(("sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer", "sys.stderr.buffer"))
    }
    assert writes == set()


@pytest.mark.parametrize(
    ("module", "function", "parameter", "kind"),
    [
        ("ledger/journal.py", "add", "call", "RedactedCall"),
        ("ledger/journal.py", "note", "event", "RedactedEvent"),
        ("ledger/journal.py", "create", "run", "RedactedRun"),
        ("ledger/journal.py", "close", "end", "RedactedEvent"),
        ("files/cassettes.py", "render", "interaction", "RedactedInteraction"),
        ("files/drafts.py", "save", "cassette", "CassetteOf[RedactedInteraction]"),
        ("files/drafts.py", "publish", "cassette", "CassetteOf[RedactedInteraction]"),
        ("front/exchange.py", "write_document", "document", "RedactedJson"),
        ("cli/output.py", "_put", "text", "RedactedText"),
    ],
)
def test_each_sink_accepts_what_the_redactor_made_and_nothing_else(
    module: str, function: str, parameter: str, kind: str
) -> None:
    tree = ast.parse((PACKAGE / module).read_text())
    found = [
        ast.unparse(argument.annotation).strip("'\"")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function
        for argument in node.args.args
        if argument.arg == parameter and argument.annotation
    ]
    assert found == [kind]


def test_a_pattern_with_a_space_fits_where_a_form_has_a_plus() -> None:
    redactor = Redactor(Redact(patterns=("acme [a-z]{5} [0-9]{4}",)))
    assert redactor.target("/x?note=acme+maple+1234&o=1") == "/x?note=***&o=1"
    assert redactor.text("a=acme%20birch+1234&o=1") == "a=***&o=1"
    assert redactor.text("note: acme maple 1234") == "note: ***"


def test_a_document_stays_json_where_a_secret_stands_as_a_number() -> None:
    redactor = Redactor()
    redactor.keep("738201946572", "password")
    shown = redactor.document(b'{"acct": 738201946572, "more": 7382019465720}')
    assert shown == Raw(b'{"acct":"***","more":7382019465720}')
