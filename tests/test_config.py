import datetime
from pathlib import Path

import pytest

from cpproxy.core.config import DEFAULT, Kind
from cpproxy.core.routes import RouteTable
from cpproxy.errors import UsageError
from cpproxy.files import config

SHIPPED = Path(__file__).parent.parent / "cpproxy.toml"
ROUTE = '[[routes]]\nmatch = "GET /"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_the_default_holds(folder: Path) -> None:
    assert config.read(None) == (DEFAULT, None)


def test_reads_every_section(folder: Path) -> None:
    (folder / "cpproxy.toml").write_text(
        """
        cassettes = "recordings"
        [cp]
        upstream = "https://staging.example"
        hosts = ["api.example", "api.example:8443", "[::1]:80", "localhost"]
        [[routes]]
        name = "provision"
        match = "POST /cp/workspaces/provision"
        env = ["CP_PROVISION_URL"]
        required = ["alpha", "beta"]
        ignore = ["$.env.BUILD", "header:X-Request-Id", "query:ts"]
        compare = ["X-Molecule-Org-Id"]
        kind = "read"
        when = "form:Action=Describe*"
        [suite]
        scenarios = ["harness/boot"]
        [[expect]]
        scenario = "harness/boot"
        issue = "#1"
        until = 2026-12-31
        [state]
        path = "/__stub/state"
        [record]
        body_limit = 0
        """,
    )
    found, path = config.read(None)
    assert path == Path("cpproxy.toml")
    assert found.routes[0].required == ("alpha", "beta")
    assert found.routes[0].kind is Kind.READ
    assert found.expect[0].until == datetime.date(2026, 12, 31)
    assert found.record.body_limit == 0


def test_the_config_that_ships_is_right() -> None:
    found, _ = config.read(SHIPPED)
    assert RouteTable(found.routes).find("POST", "/cp/workspaces/provision")


def test_the_projects_table_stands_in_for_the_file(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.cpproxy.state]\npath = "/a"')
    found, path = config.read(None)
    assert (found.state.path, path) == ("/a", Path("pyproject.toml"))
    (folder / "cpproxy.toml").write_text('[state]\npath = "/b"')
    assert config.read(None)[0].state.path == "/b"


def test_a_project_without_the_table_is_none(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.other]")
    assert config.read(None) == (DEFAULT, None)
    with pytest.raises(UsageError, match=r"pyproject\.toml: tool\.cpproxy: expected a table of that name"):
        config.read(Path("pyproject.toml"))


def test_a_key_of_the_projects_table_is_named_whole(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.cpproxy.stat]")
    with pytest.raises(
        UsageError, match=r"^pyproject\.toml: tool\.cpproxy\.stat: no such key: did you mean `state`\?$"
    ):
        config.read(None)


def test_a_file_that_was_named_must_be_there(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"^x/y\.toml: cannot read the config: No such file or directory$"):
        config.read(Path("x/y.toml"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("listen", "expected TOML: Expected '=' after a key"),
        ("a = 1\na = 2", "expected TOML: Cannot overwrite a value"),
        ('listn = "x"', "listn: no such key: did you mean `listen`?"),
        ("zzz = 1", "zzz: no such key: expected one of cassettes, ledger, listen, cp, routes,"),
        ("cassettes = 1", "cassettes: expected text, got a whole number"),
        ("routes = 3", "routes: expected a list, got a whole number"),
        ("cp = []", "cp: expected a table, got a list"),
        ("[cp]\nhost = []", "cp.host: no such key: did you mean `hosts`?"),
        ('[cp]\nhosts = "x"', "cp.hosts: expected a list, got text"),
        ("[cp]\nhosts = [1]", "cp.hosts[0]: expected text, got a whole number"),
        ('[cp]\nhosts = ["https://x"]', "cp.hosts[0]: expected a host name without scheme and path, not 'https://x'"),
        ('[cp]\nhosts = ["a", "b/c"]', "cp.hosts[1]: expected a host name"),
        ('[trap]\nexpected_hosts = [""]', "trap.expected_hosts[0]: expected a host name"),
        ('[trap]\ncanary = "a.example:80"', "trap.canary: expected a host name without port, not 'a.example:80'"),
        (
            '[cp]\nhosts = ["a.example", "B.example:443"]\n[trap]\ncanary = "b.example"',
            "trap.canary: expected a name that nothing else has, as canary.cpproxy.invalid, not 'b.example': cp.hosts[",
        ),
        (
            '[cp]\nfront_url = "http://cp:9090"\n[trap]\ncanary = "cp"',
            "trap.canary: expected a name that nothing else has, as canary.cpproxy.invalid, not 'cp': cp.front_url has",
        ),
        ('[cp]\nupstream = "staging"', "cp.upstream: expected http:// or https:// and a host"),
        ('[cp]\nfront_url = "http://cp:x"', "cp.front_url: expected http:// or https:// and a host"),
        ('[[routes]]\nname = "a"', "routes[0].match: missing"),
        ("[[routes]]\nmatch = 3", "routes[0].match: expected text, got a whole number"),
        ('[[routes]]\nmacth = "GET /"', "routes[0].macth: no such key: did you mean `match`?"),
        ('[[routes]]\nmatch = "/a"', "routes[0].match: expected a method and a path"),
        ('[[routes]]\nmatch = "GET /{a"', "routes[0].match: the braces"),
        (ROUTE + '[[routes]]\nmatch = "GET a"', "routes[1].match: expected a method and a path"),
        (
            ROUTE + "required = []",
            "routes[0].required: expected true, false or the names of clients, not an empty list",
        ),
        (ROUTE + "required = 1", "routes[0].required: expected true or false or a list, got a whole number"),
        (ROUTE + 'kind = "reed"', "routes[0].kind: expected read or write, not 'reed'"),
        (ROUTE + 'repeat = "always"', "routes[0].repeat: expected once or last, not 'always'"),
        (ROUTE + 'ignore = ["$.a", "b"]', "routes[0].ignore[1]: expected $.path, header:NAME"),
        (ROUTE + 'ignore = ["$.a["]', "routes[0].ignore[0]: the JSON path '$.a[' cannot be read"),
        (ROUTE + 'compare = ["header:X"]', "routes[0].compare[0]: expected the name of a header, not 'header:X'"),
        (ROUTE + 'env = ["A B"]', "routes[0].env[0]: expected the name of an environment variable, not 'A B'"),
        (ROUTE + 'when = "x"', "routes[0].when: expected a condition"),
        (ROUTE + 'name = "a"\n[[routes]]\nname = "a"\nmatch = "GET /b"', "routes[1].name: expected a name of its own"),
        (ROUTE + ROUTE, "routes[1].match: routes[0] matches the same"),
        (
            '[[expect]]\nscenario = "a"\nissue = "b"\nuntil = "soon"',
            "expect[0].until: expected a date as in 2026-12-31",
        ),
        ('[[expect]]\nscenario = "a"\nissue = "b"', "expect[0].until: missing"),
        ('[state]\npath = "a"', "state.path: expected a path that begins with /, not 'a'"),
        ('[state]\npath = "/__cpproxy"', "state.path: expected a path of its own: the proxy answers all below"),
        ('[state]\npath = "/__cpproxy/x"', "state.path: expected a path of its own: the proxy answers all below"),
        ("[record]\nbody_limit = -1", "record.body_limit: expected a size in bytes"),
        ('[record]\nbody_limit = "4 MiB"', "record.body_limit: expected a whole number, got text"),
    ],
)
def test_what_is_wrong_is_named_in_one_line_with_its_key(folder: Path, text: str, problem: str) -> None:
    (folder / "cpproxy.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        config.read(None)
    message = str(caught.value)
    assert message.startswith(f"cpproxy.toml: {problem}")
    assert "\n" not in message


def test_routes_that_differ_by_condition_alone_are_two(folder: Path) -> None:
    (folder / "cpproxy.toml").write_text(ROUTE + ROUTE + 'when = "query:a=1"')
    assert len(config.read(None)[0].routes) == 2


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"\xff", "expected UTF-8, but byte 0 is not"), (b"a = " + b"[" * 100_000, "nested too deep")],
)
def test_what_is_no_text_is_told_in_one_line(folder: Path, content: bytes, problem: str) -> None:
    (folder / "cpproxy.toml").write_bytes(content)
    with pytest.raises(UsageError, match=f"^cpproxy.toml: {problem}$"):
        config.read(None)


def test_a_folder_is_no_config(folder: Path) -> None:
    (folder / "cpproxy.toml").mkdir()
    with pytest.raises(UsageError, match=r"^cpproxy\.toml: cannot read the config: Is a directory$"):
        config.read(None)
