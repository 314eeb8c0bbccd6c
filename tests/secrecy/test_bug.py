"""Should the redactor fail, the second pair of eyes sees it: no file is made, and nothing is told but the place."""

import sys
from pathlib import Path
from random import Random

import pytest

from tests.processes import finish, running_program
from tests.secrecy import kinds, places
from tests.secrecy.artefacts import Search, files
from tests.secrecy.calls import Call
from tests.secrecy.driver import Plant, ask_all, upstream

FINDS_NOTHING = "from cpproxy.core.redaction import exchanges; exchanges._find = lambda part, finder: []"
PUTS_NOTHING_IN = "from cpproxy.core.redaction import exchanges; exchanges._put = lambda interaction, *_: interaction"
FORGETS = "from cpproxy.core.redaction.known import Known; Known.find = lambda self, text, **late: []"
DRAFT = ".recording.json.recording"
PROGRAM = "import sys; {bug}; from cpproxy.cli import main; sys.exit(main.run(sys.argv[1:]))"


@pytest.mark.parametrize(
    ("bug", "kind", "wanted", "kept"),
    [
        pytest.param(FINDS_NOTHING, "base62 key", ["named: member of an answer"], True, id="a name is not seen"),
        pytest.param(FINDS_NOTHING, "GitHub token", ["anywhere: console"], True, id="a shape is not seen"),
        pytest.param(
            PUTS_NOTHING_IN,
            "base62 key",
            ["named: X-Api-Key", "named: member"],
            False,
            id="nothing is put in its place",
        ),
        pytest.param(
            FORGETS, "password", ["anywhere: console", "named: Bearer"], False, id="what is known is forgotten"
        ),
        pytest.param(FORGETS, "password", ["encoded: base64 one byte in", "named: Bearer"], False, id="in base64, too"),
    ],
)
def test_a_redactor_that_is_blind_makes_no_cassette(
    bug: str, kind: str, wanted: list[str], kept: bool, tmp_path: Path
) -> None:
    value = next(one for one in kinds.KINDS if one.name == kind).draw(Random(bug))
    every = {"named": places.NAMED, "anywhere": places.ANYWHERE, "encoded": places.ENCODED}
    chosen = [every[group][name] for group, _, name in (one.partition(": ") for one in wanted)]
    plants = [
        Plant(number, "it", name, value, [value], place(value))
        for number, (name, place) in enumerate(zip(wanted, chosen, strict=True))
    ]
    with upstream(plants) as url:
        arguments = ["record", "--upstream", url, "--listen", "127.0.0.1:0"]
        with running_program([sys.executable, "-c", PROGRAM.format(bug=bug), *arguments], cwd=tmp_path) as proxy:
            ask_all(proxy.url, plants, at_once=1)
            assert proxy.stop() == 4, proxy.describe()
    assert "what was recorded is no cassette: a secret may stand in it at " in proxy.stderr
    assert "$.interactions" not in proxy.stderr
    assert len(proxy.stderr.strip().splitlines()) == 1
    assert [name for name, _ in files(tmp_path / "cassettes")] == ([DRAFT] if kept else [])
    assert (f"it is left, without what was seen, in cassettes/{DRAFT};" in proxy.stderr) is kept
    judged = finish(["verify"], cwd=tmp_path)
    assert judged.returncode == 1
    assert judged.stdout.startswith("lost_cassette: no cassette recording came of this recording: ")
    search = Search([("it", value)])
    assert list(search.look("the verdict", judged.stdout.encode())) == []
    assert [hit for name, data in files(tmp_path) for hit in search.look(name, data)] == []
    assert list(search.look("standard error", proxy.stderr.encode())) == []


def test_a_cassette_that_was_there_stays_as_it_was(tmp_path: Path) -> None:
    token = kinds.some(Random(7), kinds.WORD, 30)
    clean = Plant(1, "nothing", "nowhere", token, [token], Call())
    plant = Plant(2, "it", "a member", token, [token], places.NAMED["member of an answer"](token))
    with upstream([clean, plant]) as url:
        arguments = ["record", "--upstream", url, "--listen", "127.0.0.1:0"]
        for bug, asked, code in (("", clean, 0), (FINDS_NOTHING, plant, 4)):
            program = PROGRAM.format(bug=bug or "pass")
            with running_program([sys.executable, "-c", program, *arguments], cwd=tmp_path) as proxy:
                ask_all(proxy.url, [asked], at_once=1)
                assert proxy.stop() == code, proxy.describe()
    assert [name for name, _ in files(tmp_path / "cassettes")] == [DRAFT, "recording.json"]
    assert token not in (tmp_path / "cassettes" / "recording.json").read_text()
