"""Compose files as they are read: variables, env files, merging, `extends`, and what is refused in one line."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from cpproxy.core.config import DEFAULT
from cpproxy.core.wiring.project import STDIN, Place, Project, Service
from cpproxy.core.wiring.wired import find_service, wire
from cpproxy.errors import UsageError
from cpproxy.files.compose.project import Request, find_files, read_project
from cpproxy.files.compose.variables import read_env_file, substitute
from tests.processes import clean_environment

SET = {"A": "a", "EMPTY": "", "B": "b"}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(
    *files: str, environment: Mapping[str, str] | None = None, profiles: tuple[str, ...] = (), **texts: str
) -> Project:
    """The project of texts, which are written under their names; of `text` alone, as standard input."""
    for name, text in texts.items():
        path = Path(name.replace("__", "/").replace("_", "."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_project(Request(files or ("a.yml",), environment or {}, profiles=profiles))


def values(service: Service) -> dict[str, str | None]:
    return {name: one.value for name, one in service.environment.items()}


@pytest.mark.parametrize(
    ("text", "expected", "unset"),
    [
        ("plain", "plain", ()),
        ("$A${B}", "ab", ()),
        ("$$A", "$A", ()),
        ("$A-$$$B", "a-$b", ()),
        ("${N}x", "x", ("N",)),
        ("${N:-d}${N-d}${EMPTY:-d}${EMPTY-d}${A:-d}", "ddda", ()),
        ("${A:+r}${A+r}${EMPTY:+r}${EMPTY+r}${N:+r}${N+r}", "rrr", ()),
        ("${A:?why}${EMPTY?why}", "a", ()),
        ("${N:-${M:-$B}}", "b", ()),
        ("${N:-${M}}", "", ("M",)),
        ("${A:-${M}}", "a", ()),
        ("http://${N:-cp}:9090", "http://cp:9090", ()),
        ("${N-}}", "}", ()),
    ],
)
def test_variables_are_put_in_as_compose_does_it(text: str, expected: str, unset: tuple[str, ...]) -> None:
    assert substitute(text, SET.get) == (expected, unset)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${N:?say so}", "the variable N has to be set: say so"),
        ("${EMPTY:?}", "the variable EMPTY has to be set"),
        ("${A", "not closed"),
        ("${A!}", "not closed, or hold"),
        ("5$", "write $$"),
        ("${}", "write $$"),
        ("${A:-" * 40 + "}" * 40, "nested too deep"),
    ],
)
def test_what_is_no_variable_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("$", r"\$")):
        substitute(text, SET.get)


def test_an_env_file_sets_what_it_says() -> None:
    text = """
# a comment
PLAIN=value # and a comment
export EXPORTED = spaced value
COLON: yaml
HASH=a#b
SINGLE='$A "x" # no'
DOUBLE="$A\\n\\"q\\" \\$B # no"
LINES="one
two"
EMPTY=
FROM=${PLAIN}-${A}
A
NOT_SET
LAST=${5}"""
    found = read_env_file(text.encode(), "a.env", {"A": "shell"}.get)
    assert {name: one.value for name, one in found.items()} == {
        "PLAIN": "value",
        "EXPORTED": "spaced value",
        "COLON": "yaml",
        "HASH": "a#b",
        "SINGLE": '$A "x" # no',
        "DOUBLE": 'shell\n"q" $B # no',
        "LINES": "one\ntwo",
        "EMPTY": "",
        "FROM": "value-shell",
        "A": "shell",
        "NOT_SET": None,
        "LAST": "${5}",
    }
    assert found["EMPTY"].place == Place("a.env", 11)
    assert found["A"].passed


def test_a_raw_env_file_is_taken_as_it_is() -> None:
    found = read_env_file(b"A='$B' # x\nC\n", "a.env", {"C": "c"}.get, raw=True)
    assert {name: one.value for name, one in found.items()} == {"A": "'$B' # x", "C": "c"}


@pytest.mark.parametrize("text", ["two words", "=x", 'A="open', "A='open\nB=c", "a-b"])
def test_a_line_that_sets_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^a\.env:1: "):
        read_env_file(text.encode(), "a.env", lambda _: None)


def test_lists_and_mappings_say_the_same() -> None:
    project = read(
        a_yml="""
services:
  one:
    environment: [A=1, "B=x=y", PASSED, MISSING]
    networks: [n]
    depends_on: [two]
    extra_hosts: ["api.test:10.0.0.1", "six.test=::1"]
    env_file: one.env
  two:
    environment: {A: 1, B: "x=y", PASSED: , MISSING: null, YES: true}
    networks: {n: {aliases: [api.test], ipv4_address: 10.0.0.1}}
    extra_hosts: {api.test: 10.0.0.1}
    env_file: [{path: no.env, required: false}, one.env]
networks:
  n: {internal: true}
""",
        one_env="A=0\nFILE=f",
        environment={"PASSED": "p"},
    )
    one, two = project.services.values()
    assert values(one) == {"A": "1", "FILE": "f", "B": "x=y", "PASSED": "p", "MISSING": None}
    assert values(two) == values(one) | {"YES": "true"}
    assert one.environment["FILE"].place == Place("one.env", 2)
    assert one.environment["A"].place == Place("a.yml", 4)
    assert two.environment["B"].place == Place("a.yml", 10)
    assert one.depends_on["two"].condition == "service_started"
    assert one.hosts == {"api.test": ("10.0.0.1",), "six.test": ("::1",)}
    assert two.networks["n"].aliases == ("api.test",)
    assert project.networks["n"].internal


def test_the_shell_beats_the_env_file_of_the_project() -> None:
    text = "services: {s: {environment: {V: '${V}', W: '${W}'}}}"
    Path("p").mkdir()
    Path("p/a.yml").write_text(text)
    Path("p/.env").write_text("V=file\nW=file\n")
    project = read_project(Request(("p/a.yml",), {"W": "shell"}))
    assert values(project.services["s"]) == {"V": "file", "W": "shell"}
    Path("other.env").write_text("V=other\n")
    project = read_project(Request(("p/a.yml",), {}, env_files=("other.env",)))
    assert values(project.services["s"]) == {"V": "other", "W": ""}
    assert project.services["s"].environment["W"].unset == ("W",)


def test_files_are_laid_over_one_another() -> None:
    project = read(
        "a.yml",
        "b.yml",
        a_yml="""
services:
  s:
    image: one
    command: [a, b]
    environment: {KEPT: a, CHANGED: a, DROPPED: a}
    healthcheck: {test: [CMD, a], interval: 1s}
    depends_on: [x]
    ports: ["80"]
    dns: 10.0.0.1
  x: {image: x, environment: {A: a}}
""",
        b_yml="""
services:
  s:
    command: c
    environment: [CHANGED=b, ADDED=b]
    healthcheck: {test: b}
    depends_on: {y: {condition: service_healthy}}
    ports: ["81"]
    dns: [10.0.0.2]
  x: {environment: !override {B: b}}
  y: {image: y}
---
services:
  s: {environment: {DROPPED: !reset null}}
""",
    )
    s = project.services["s"]
    assert s.image == "one"
    assert s.command == ("c",)
    assert values(s) == {"KEPT": "a", "CHANGED": "b", "ADDED": "b"}
    assert s.environment["CHANGED"].place == Place("b.yml", 5)
    assert s.place == Place("a.yml", 3)
    assert s.health is not None
    assert s.health.test == ("b",)
    assert {name: one.condition for name, one in s.depends_on.items()} == {
        "x": "service_started",
        "y": "service_healthy",
    }
    assert s.ports == {80, 81}
    assert s.dns == ("10.0.0.1", "10.0.0.2")
    assert values(project.services["x"]) == {"B": "b"}


def test_a_service_extends_another_of_this_file_or_of_one_elsewhere() -> None:
    project = read(
        a_yml="""
services:
  base: {environment: {A: base, B: base}}
  mid: {extends: base, environment: [B=mid]}
  end: {extends: {service: mid}, environment: {C: end}}
  far: {extends: {file: sub/c.yml, service: far}, environment: {D: far}}
""",
        sub__c_yml="services: {far: {extends: {service: farther}, env_file: c.env}, farther: {build: ./img}}",
        sub__c_env="E=env",
    )
    assert values(project.services["end"]) == {"A": "base", "B": "mid", "C": "end"}
    assert values(project.services["far"]) == {"E": "env", "D": "far"}
    assert project.services["far"].build == "sub/img"


def test_merge_keys_and_anchors_are_laid_under() -> None:
    project = read(
        a_yml="""
x-env: &env {A: env, B: env}
x-more: &more {B: more, C: more}
services:
  s: &s
    environment: {<<: [*env, *more], C: own}
  t:
    <<: *s
    image: t
""",
    )
    assert values(project.services["t"]) == {"A": "env", "B": "env", "C": "own"}
    assert project.services["t"].environment["C"].place.line == 6


def test_included_files_are_read_as_projects_of_their_own() -> None:
    Path("sub").mkdir()
    Path("sub/.env").write_text("V=sub\n")
    project = read(
        a_yml="include: [sub/b.yml]\nservices: {s: {environment: {V: '${V-none}'}}}",
        sub__b_yml="services: {t: {environment: {V: '${V}'}, env_file: t.env}}\nnetworks: {n: {internal: true}}",
        sub__t_env="E=e",
    )
    assert values(project.services["s"]) == {"V": "none"}
    assert values(project.services["t"]) == {"E": "e", "V": "sub"}
    assert project.networks["n"].internal


def test_profiles_choose_services() -> None:
    text = "services: {a: {image: a}, b: {image: b, profiles: [p]}, c: {image: c, profiles: q}}"
    assert list(read(a_yml=text).services) == ["a"]
    assert read(a_yml=text).inactive == {"b": ("p",), "c": ("q",)}
    assert list(read(a_yml=text, profiles=("p",)).services) == ["a", "b"]
    assert list(read(a_yml=text, environment={"COMPOSE_PROFILES": "p,q"}).services) == ["a", "b", "c"]
    assert list(read(a_yml=text, profiles=("*",)).services) == ["a", "b", "c"]


def test_json_is_read_as_compose_prints_it() -> None:
    text = json.dumps(
        {
            "name": "p",
            "services": {
                "s": {"command": ["a"], "environment": {"A": "$$x", "B": None}, "networks": {"default": None}}
            },
            "networks": {"default": {"name": "p_default", "ipam": {}}},
        },
        indent=2,
    )
    project = read_project(Request((STDIN,), {}, stdin=text.encode()))
    assert values(project.services["s"]) == {"A": "$x", "B": None}
    assert project.services["s"].environment["A"].place == Place("-", 9)


def test_an_address_is_that_of_its_service_however_the_file_spells_it() -> None:
    text = b"services: {s: {networks: {n: {ipv6_address: 'FD00:0:0::5'}}}}\nnetworks: {n: {}}"
    wiring = wire(read_project(Request((STDIN,), {}, stdin=text)), DEFAULT, str)
    assert find_service(wiring, "fd00::5") == "s"


REFUSED = {
    "no YAML": ("a: [b", r"a\.yml:\d: expected YAML"),
    "a character that YAML has not": ("a: \x07", r"a\.yml: expected YAML"),
    "a list": ("[a]", r"a\.yml:1: expected a compose file"),
    "text": ("hello", r"a\.yml:1: expected a compose file"),
    "nothing": ("", r"a\.yml:1: expected `services`"),
    "no services": ("services: {}", r"a\.yml:1: expected `services`"),
    "a service that is a list": ("services: {s: [a]}", r"a\.yml:1: expected what the service s is"),
    "a name twice": ("services:\n  s: {}\n  s: {}", r"a\.yml:3: 's' stands twice here, first on line 2"),
    "an alias of nothing": ("services: {s: *nothing}", r"a\.yml:1: the alias \*nothing"),
    "an alias of itself": ("services: &s {s: *s}", r"a\.yml:1: the alias \*s stands within"),
    "nested too deep": ("[" * 100 + "]" * 100, r"a\.yml:1: nested deeper than 64"),
    "a bomb": (
        "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(9)),
        r"a\.yml:\d+: comes to more than 100000 values",
    ),
    "a variable that has to be set": (
        "services:\n  s:\n    image: ${I:?name the image}",
        r"a\.yml:3: the variable I has to be set: name the image",
    ),
    "a network that is not defined": ("services: {s: {networks: [n]}}", r"a\.yml:1: s is in the network n, which is"),
    "an env file that is not there": ("services: {s: {env_file: no.env}}", r"a\.yml:1: no\.env: cannot be read"),
    "extends nothing": ("services: {s: {extends: t}}", r"a\.yml:1: s extends t, and a\.yml has no such service"),
    "extends itself": (
        "services: {s: {extends: t}, t: {extends: s}}",
        r"a\.yml:1: s extends itself, by way of s and t",
    ),
    "extends a file that is not there": (
        "services: {s: {extends: {file: b.yml, service: s}}}",
        r"a\.yml:1: b\.yml: cannot be read",
    ),
    "includes itself": ("include: [a.yml]\nservices: {s: {image: a}}", r"a\.yml:1: files include one another"),
    "a mapping where a list was": (
        "services: {s: {ports: [a]}}\n---\nservices: {s: {ports: {a: b}}}",
        r"cannot be laid",
    ),
    "a dependency on nothing": ("services: {s: {depends_on: [t]}}", r"a\.yml:1: s depends on t, which is no service"),
    "a condition of no kind": (
        "services: {s: {depends_on: {t: {condition: healthy}}}, t: {image: t}}",
        r"a\.yml:1: condition healthy: expected one of service_started, service_healthy, service_completed",
    ),
    "a merge of text": ("services: {s: {<<: text}}", r"a\.yml:1: expected a mapping, or several"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_compose_would_not_run_is_refused_in_one_line(name: str) -> None:
    text, problem = REFUSED[name]
    with pytest.raises(UsageError, match=problem) as raised:
        read(a_yml=text)
    assert "\n" not in str(raised.value)


def test_a_dependency_may_be_left_out_or_of_another_profile() -> None:
    project = read(
        a_yml="services: {s: {depends_on: {t: {required: false}, u: {condition: service_healthy}}}, u: {profiles: [p]}}"
    )
    assert (list(project.services), list(project.inactive)) == (["s"], ["u"])


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    Path("latin.yml").write_bytes(b"a: \xe9")
    Path("large.yml").write_bytes(b"#" * (4 * 1024 * 1024 + 1))
    for name, problem in {
        "none.yml": "none.yml: cannot be read",
        str(tmp_path): "cannot be read: Is a directory",
        "latin.yml": "latin.yml: expected UTF-8",
        "large.yml": "large.yml: larger than",
    }.items():
        with pytest.raises(UsageError, match=problem):
            read(name)


def test_the_files_that_compose_looks_for_are_found(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no compose file in"):
        find_files(tmp_path, {})
    for name in ("docker-compose.yml", "docker-compose.override.yml"):
        Path(name).touch()
    assert find_files(tmp_path, {}) == ("docker-compose.yml", "docker-compose.override.yml")
    Path("compose.yaml").touch()
    assert find_files(tmp_path, {}) == ("compose.yaml",)
    assert find_files(tmp_path, {"COMPOSE_FILE": "a.yml:b.yml"}) == ("a.yml", "b.yml")


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_compose_itself_comes_to_the_same() -> None:
    """What docker-compose prints of two files is read as the two files are."""
    Path("tenant").mkdir()
    Path(".env").write_text("FROM_FILE=file\nPORT=9090\n")
    Path("t.env").write_text("IN_FILE=1\nOVER=file\n")
    Path("a.yml").write_text(
        """
version: "3.7"
x-tenant: &tenant
  build: ./tenant
  env_file: t.env
  environment: &env
    CP_UPSTREAM_URL: http://cp:${PORT:-1}
    OVER: own$$x
  depends_on: [cp]
services:
  cp:
    image: cpproxy
    command: cpproxy replay --listen 0.0.0.0:9090 --trap
    healthcheck: {test: [CMD, cpproxy, wait]}
  alpha:
    <<: *tenant
    environment:
      <<: *env
      ORG: ${FROM_FILE}-${UNSET:-default}
  beta:
    <<: *tenant
    networks: [tenants]
networks:
  tenants: {internal: true}
""",
    )
    Path("b.yml").write_text(
        """
version: "3.7"
services:
  alpha:
    environment: [MOLECULE_CP_URL=http://cp:9090, PASSED]
    depends_on: {cp: {condition: service_healthy}}
    networks: {tenants: {aliases: [api.test]}}
    extra_hosts: ["a.test:10.0.0.1"]
""",
    )
    environment = clean_environment({"PASSED": "shell"})
    printed = subprocess.run(
        ["docker-compose", "-f", "a.yml", "-f", "b.yml", "config"], capture_output=True, check=True, env=environment
    ).stdout
    Path(".env").unlink()  # compose is done with it, and so is what it printed
    told = read_project(Request((STDIN,), {}, stdin=printed))
    Path(".env").write_text("FROM_FILE=file\nPORT=9090\n")
    own = read_project(Request(("a.yml", "b.yml"), {"PASSED": "shell"}))
    assert told.services.keys() == own.services.keys()
    for name, service in own.services.items():
        other = told.services[name]
        assert values(other) == values(service)
        assert other.command == service.command
        assert other.hosts == service.hosts
        assert {key: one.condition for key, one in other.depends_on.items()} == {
            key: one.condition for key, one in service.depends_on.items()
        }
        assert {key: one.aliases for key, one in other.networks.items()} == {
            key: one.aliases for key, one in service.networks.items()
        }
    assert {name: one.internal for name, one in told.networks.items()} == {
        name: one.internal for name, one in own.networks.items()
    }
