"""`cpproxy doctor`: the incident's wiring and its like, found in compose files before anything runs."""

import json
import re
import secrets
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from cpproxy.cli.main import run
from cpproxy.core.wiring.remarks import About, Diagnosis, Level, Remark
from cpproxy.errors import Exit
from tests.processes import CPPROXY, clean_environment

ROOT = Path(__file__).parents[1]

INCIDENT = """
services:
  cp-stub:
    build: ./cp-stub
    expose: ["9090"]
  tenant-alpha:
    build: ./tenant
    environment:
      ADMIN_TOKEN: dummy
      CP_UPSTREAM_URL: http://cp-stub:9090
    depends_on: [cp-stub]
"""

TRAP = " --trap --trap-sink 0.0.0.0:443 --trap-sink=0.0.0.0:80 --trap-dns 0.0.0.0:53 --trap-forward 0.0.0.0:8888"
GOOD = """
services:
  cp-stub:
    image: cpproxy
    command: cpproxy replay --listen 0.0.0.0:9090{TRAP}
    healthcheck: {test: [CMD, cpproxy, wait, --url, "http://127.0.0.1:9090"]}
    networks:
      inside: {ipv4_address: 10.9.0.2, aliases: [api.moleculesai.app, staging-api.moleculesai.app]}
  tenant-alpha:
    image: tenant
    environment:
      ADMIN_TOKEN: dummy
      MOLECULE_CP_URL: http://cp-stub:9090
      CP_UPSTREAM_URL: http://cp-stub:9090/s/alpha
    depends_on: {cp-stub: {condition: service_healthy}}
    networks: [inside]
networks:
  inside: {internal: true}
""".replace("{TRAP}", TRAP)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(clean_environment().keys() ^ {}):
        if name.startswith(("CPPROXY", "COMPOSE")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    config = (ROOT / "cpproxy.toml").read_text()
    (tmp_path / "cpproxy.toml").write_text(re.sub("front_url = .*", 'front_url = "http://cp-stub:9090"', config))


def doctor(
    capsys: pytest.CaptureFixture[str], text: str, *more: str, code: int | None = None, cassettes: Path | None = None
) -> Diagnosis:
    """What the doctor says of a compose file, as a program reads it."""
    Path("compose.yml").write_text(text)
    folder = ["--cassettes", str(cassettes or ROOT / "cassettes")]
    ended = run([*folder, "doctor", *(more or ("compose.yml",)), "--format", "json"])
    out = capsys.readouterr()
    assert code is None or ended == code, out
    return msgspec.json.decode(out.out, type=Diagnosis)


def findings(diagnosis: Diagnosis, about: About | None = None) -> list[Remark]:
    return [one for one in diagnosis.findings if about in (None, one.about)]


def only(diagnosis: Diagnosis, about: About, level: Level = Level.FINDING) -> Remark:
    (found,) = [one for one in diagnosis.remarks if one.about is about and one.level is level]
    return found


def test_the_incidents_wiring_is_found_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = doctor(capsys, INCIDENT, code=Exit.FINDINGS)
    config, provision = findings(diagnosis, About.VARIABLE)
    assert config.text == (
        "MOLECULE_CP_URL is not set: GET /cp/tenants/config (and 4 more) will go to https://api.moleculesai.app, past "
        "the front; set it to http://cp-stub:9090. CP_UPSTREAM_URL (compose.yml:10) does lead to the front, but GET "
        "/cp/auth/tenant-member alone."
    )
    assert provision.text.startswith(
        "CP_PROVISION_URL, then MOLECULE_CP_URL are not set: POST /cp/workspaces/provision (and 4 more) will go to "
        "https://api.moleculesai.app, past the front; set one of them to http://cp-stub:9090."
    )
    assert (config.service, config.file, config.line) == ("tenant-alpha", "compose.yml", 6)
    (names,) = findings(diagnosis, About.NAMES)
    assert "reaches the real control plane, and nobody sees it" in names.text
    assert [one.about for one in findings(diagnosis)] == [About.VARIABLE, About.VARIABLE, About.NAMES]
    assert diagnosis.lines == (
        "services:\n  tenant-alpha:\n    environment:\n      MOLECULE_CP_URL: http://cp-stub:9090\n"
    )


def take_the_shipped_config() -> None:
    Path("cpproxy.toml").write_text((ROOT / "cpproxy.toml").read_text())


def test_where_the_config_names_no_service_the_one_that_variables_lead_to_is_the_front(
    capsys: pytest.CaptureFixture[str],
) -> None:
    take_the_shipped_config()
    text = INCIDENT.replace('"9090"', '"8080"').replace("cp-stub:9090", "cp-stub:8080")
    diagnosis = doctor(capsys, text, code=Exit.FINDINGS)
    assert diagnosis.fronts == ("cp-stub",)
    assert "http://cp:9090, names no service here" in diagnosis.remarks[0].text
    assert (
        "write http://cp-stub:8080. Variables lead to cp-stub, so it is taken for the front"
        in diagnosis.remarks[0].text
    )
    right = only(diagnosis, About.VARIABLE, Level.RIGHT)
    assert right.text.startswith("CP_UPSTREAM_URL is http://cp-stub:8080, the front, for")
    assert diagnosis.lines == (
        "services:\n  tenant-alpha:\n    environment:\n      MOLECULE_CP_URL: http://cp-stub:8080\n"
    )
    Path("mended.yml").write_text(diagnosis.lines)
    mended = doctor(capsys, text, "compose.yml", "mended.yml")
    assert [one.about for one in mended.findings] == [About.NAMES]  # nothing shows that it is cpproxy, with a trap


def test_where_nothing_shows_the_front_no_line_names_one(capsys: pytest.CaptureFixture[str]) -> None:
    take_the_shipped_config()
    for line in ("X: x", "MOLECULE_CP_URL: http://cp:9090"):
        text = INCIDENT.replace("CP_UPSTREAM_URL: http://cp-stub:9090", line)
        diagnosis = doctor(capsys, text, "compose.yml", "--client", "tenant-alpha", code=Exit.FINDINGS)
        assert "--front cp-stub" in only(diagnosis, About.FRONT).text
        assert diagnosis.remarks[0].about is About.FRONT
        assert "set it to http://cp:9090" not in " ".join(one.text for one in diagnosis.remarks)
        assert "URL" not in diagnosis.lines
        named = doctor(capsys, text, "compose.yml", "--client", "tenant-alpha", "--front", "cp-stub")
        assert "MOLECULE_CP_URL: http://cp-stub:9090" in named.lines


def test_a_secret_that_the_recorded_config_hands_out_is_not_missed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    supplied = only(doctor(capsys, INCIDENT), About.CREDENTIAL, Level.RIGHT)
    assert supplied.text == (
        "MOLECULE_CP_SHARED_SECRET is not set, and need not be: the recorded answer of GET /cp/tenants/config "
        "(cassette harness/boot) hands it out."
    )
    without = doctor(capsys, INCIDENT, cassettes=tmp_path / "none")
    assert "no recorded answer hands it out: POST /cp/workspaces/provision" in only(without, About.CREDENTIAL).text


def test_a_client_without_any_credential_may_make_other_calls(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = GOOD.replace("      ADMIN_TOKEN: dummy\n", "")
    diagnosis = doctor(capsys, text, cassettes=tmp_path / "none", code=Exit.CLEAN)
    notes = [one for one in diagnosis.remarks if one.about is About.CREDENTIAL]
    assert [one.level for one in notes] == [Level.NOTE, Level.NOTE]
    empty = GOOD.replace("ADMIN_TOKEN: dummy", "ADMIN_TOKEN: ${ADMIN_TOKEN}")
    assert "ADMIN_TOKEN is not set" in only(doctor(capsys, empty, code=Exit.FINDINGS), About.CREDENTIAL).text


def test_the_good_wiring_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = doctor(capsys, GOOD, code=Exit.CLEAN)
    assert {one.level for one in diagnosis.remarks} == {Level.RIGHT}
    assert diagnosis.fronts == ("cp-stub",)
    assert diagnosis.lines == ""
    assert "session alpha" in " ".join(one.text for one in diagnosis.remarks)


WIRINGS = {
    "the incident's": INCIDENT,
    "no trap": GOOD.replace(TRAP, "").replace(", aliases: [api.moleculesai.app, staging-api.moleculesai.app]", ""),
    "aliases without a trap": GOOD.replace(TRAP, ""),
    "a trap on ports that nobody knows": GOOD.replace(TRAP, " --trap"),
    "a trap on loopback": GOOD.replace("0.0.0.0:443", "127.0.0.1:443"),
    "no DNS": GOOD.replace(" --trap-dns 0.0.0.0:53", "")
    .replace(", aliases: [api.moleculesai.app, staging-api.moleculesai.app]", "")
    .replace("    networks: [inside]\n", "    networks: [inside]\n    dns: 10.9.0.2\n"),
    "a sink missing": GOOD.replace(" --trap-sink 0.0.0.0:443", ""),
    "production": GOOD.replace("MOLECULE_CP_URL: http://cp-stub:9090", "CP_PROVISION_URL: https://api.moleculesai.app"),
    "no common network": GOOD.replace("    networks: [inside]\n", ""),
    "no network of the front's own": GOOD.replace(
        "    networks:\n      inside: {ipv4_address", "    x-was: {ipv4_address"
    ),
    "no order": GOOD.replace("    depends_on: {cp-stub: {condition: service_healthy}}\n", ""),
    "weak order": GOOD.replace("{cp-stub: {condition: service_healthy}}", "[cp-stub]"),
    "no health": GOOD.replace("{test: [CMD, cpproxy, wait, --url, ", "{disable: true, test: [CMD, "),
    "health of none": GOOD.replace('[CMD, cpproxy, wait, --url, "http://127.0.0.1:9090"]', "[NONE]"),
    "another health": GOOD.replace("cpproxy, wait, --url, ", "curl, -f, ").replace(':9090"]', ':9090/health"]'),
    "another port": GOOD.replace("--listen 0.0.0.0:9090", "--listen 0.0.0.0:8000").replace("0.1:9090", "0.1:8000"),
    "a shell": GOOD.replace("command: cpproxy", "command: sh -c 'exec cpproxy").replace(TRAP, "'"),
    "a program of its own": GOOD.replace(TRAP, " -- sleep 9"),
    "an entrypoint": GOOD.replace(TRAP, "").replace("command: cpproxy", "entrypoint: cpproxy"),
    "a sink missing before a program": GOOD.replace(
        "cpproxy replay --", "[cpproxy, replay, --listen=0.0.0.0:9090, --"
    ).replace(f"--listen 0.0.0.0:9090{TRAP}", "--trap-sink=0.0.0.0:443, --, sleep, 9]"),
    "a health of no scheme": GOOD.replace(
        '{test: [CMD, cpproxy, wait, --url, "http://127.0.0.1:9090"]}',
        "{test: curl -sf localhost:9090/health || exit 1}",
    ),
    "a front for itself": GOOD.replace("--listen 0.0.0.0:9090", "--listen 127.0.0.1:9090"),
    "a front for itself, and a sink missing": GOOD.replace("--listen 0.0.0.0:9090", "--listen=localhost:9090").replace(
        " --trap-sink 0.0.0.0:443", ""
    ),
    "a front for itself by a variable": GOOD.replace(" --listen 0.0.0.0:9090", "").replace(
        "image: cpproxy", "image: cpproxy\n    environment: {CPPROXY_LISTEN: 127.0.0.1:9090}"
    ),
    "a proxy without NO_PROXY": GOOD.replace("ADMIN_TOKEN: dummy", "HTTP_PROXY: http://cp-stub:8888"),
}


@pytest.mark.parametrize("name", WIRINGS)
def test_the_lines_to_add_mend_it(capsys: pytest.CaptureFixture[str], name: str) -> None:
    diagnosis = doctor(capsys, WIRINGS[name], code=Exit.FINDINGS)
    Path("mended.yml").write_text(diagnosis.lines)
    mended = doctor(capsys, WIRINGS[name], "compose.yml", "mended.yml")
    left = [one.text for one in mended.findings]
    if name == "the incident's":  # nothing shows that its stand-in is cpproxy, so its trap is left to be written
        assert [one.about for one in mended.findings] == [About.NAMES]
    else:
        assert left == []


def test_a_config_that_names_another_front_than_there_is_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    take_the_shipped_config()
    diagnosis = doctor(capsys, GOOD, code=Exit.CLEAN)
    assert diagnosis.fronts == ("cp-stub",)
    (text,) = (one.text for one in diagnosis.remarks if one.about is About.FRONT)
    assert text == (
        "cp.front_url of the config, http://cp:9090, names no service here, and what a verdict tells to set comes from "
        "there: write http://cp-stub:9090."
    )


def test_a_check_that_is_switched_off_is_switched_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert "disable: false" in doctor(capsys, WIRINGS["no health"]).lines
    assert "disable" not in doctor(capsys, WIRINGS["health of none"]).lines  # Compose 1.29 takes no test beside it


def test_a_config_that_names_another_port_than_the_front_has_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = doctor(capsys, WIRINGS["another port"], code=Exit.FINDINGS)
    (text,) = (one.text for one in diagnosis.remarks if one.about is About.FRONT)
    assert text == (
        "cp.front_url of the config, http://cp-stub:9090, leads nowhere, since cp-stub listens on port 8000, and what "
        "a verdict tells to set comes from there: write http://cp-stub:8000."
    )
    assert all("set it to http://cp-stub:8000." in one.text for one in findings(diagnosis, About.VARIABLE))


def test_a_client_that_is_in_no_network_with_the_front_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = doctor(capsys, WIRINGS["no common network"], code=Exit.FINDINGS)
    assert [one.text for one in findings(diagnosis, About.NETWORK)] == [
        "cp-stub is in no network with it: what its variables lead there fails; put cp-stub into default, too."
    ]
    assert findings(diagnosis, About.VARIABLE) == []


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("name", ["the incident's", "no order", "production"])
def test_what_compose_prints_is_judged_as_its_file_is(capsys: pytest.CaptureFixture[str], name: str) -> None:
    for folder in ("cp-stub", "tenant"):
        Path(folder).mkdir()
    own = doctor(capsys, WIRINGS[name])
    printed = subprocess.run(
        ["docker-compose", "-f", "compose.yml", "config"], capture_output=True, check=True, env=clean_environment()
    )
    ended = subprocess.run(
        [*CPPROXY, "--cassettes", ROOT / "cassettes", "doctor", "-", "--format", "json"],
        input=printed.stdout,
        capture_output=True,
        check=False,
        env=clean_environment(),
    )
    assert ended.returncode == Exit.FINDINGS, ended.stderr
    told = msgspec.json.decode(ended.stdout, type=Diagnosis)
    assert all(one.file == "-" and one.line for one in told.remarks if one.service)

    def facts(diagnosis: Diagnosis) -> set[tuple[str, str, str]]:
        return {(one.level, one.about, one.service) for one in diagnosis.remarks}

    assert facts(told) == facts(own)


VALUES = {
    "the front": ("http://cp-stub:9090", True, "the front"),
    "a session": ("http://cp-stub:9090/s/alpha", True, "session alpha"),
    "an alias": ("http://api.moleculesai.app:9090", True, "the front"),
    "its address": ("http://10.9.0.2:9090", True, "the front"),
    "capitals": ("HTTP://CP-Stub:9090", True, "the front"),
    "a slash": ("http://cp-stub:9090/", False, "no slash at its end"),
    "a path": ("http://cp-stub:9090/cp", False, "no path but that of a session"),
    "no session": ("http://cp-stub:9090/s/", False, "no slash"),
    "a query": ("http://cp-stub:9090?a=b", False, "no query"),
    "another port": ("http://cp-stub:9091", False, "listens on port 9090"),
    "no port": ("http://cp-stub", False, "listens on port 9090"),
    "TLS": ("https://cp-stub:9090", False, "speaks http:// alone"),
    "production": ("https://api.moleculesai.app.", False, "not the front"),
    "staging outside": ("https://other.moleculesai.app", False, "not the front"),
    "itself": ("http://localhost:9090", False, "the container itself"),
    "another service": ("http://other:9090", False, "that is other, which is not the front"),
    "in no common network": ("http://far:9090", False, "far is in no network with it"),
    "a blank": (" http://cp-stub:9090", False, "no http:// or https:// URL"),
    "a line break": ("http://cp-stub:9090\n", False, "no http:// or https:// URL"),
    "no URL": ("cp-stub:9090", False, "no http:// or https:// URL"),
    "no host": ("http://:9090", False, "no http:// or https:// URL"),
    "a bad port": ("http://cp-stub:port", False, "no http:// or https:// URL"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_variable_is_compared_with_the_front(capsys: pytest.CaptureFixture[str], name: str) -> None:
    value, right, why = VALUES[name]
    text = GOOD.replace("MOLECULE_CP_URL: http://cp-stub:9090", f"MOLECULE_CP_URL: {json.dumps(value)}").replace(
        "\nnetworks:\n  inside:",
        "\n  other: {image: o, networks: [inside]}\n  far: {image: f, networks: [outside]}\nnetworks:\n  outside: {}\n"
        "  inside:",
    )
    diagnosis = doctor(capsys, text, code=Exit.CLEAN if right else Exit.FINDINGS)
    (remark,) = [one for one in diagnosis.remarks if one.text.startswith("MOLECULE_CP_URL")]
    assert remark.level is (Level.RIGHT if right else Level.FINDING)
    assert why in remark.text
    assert remark.line == 13


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ("MOLECULE_CP_URL: ${CP_URL}", "(MOLECULE_CP_URL is empty, since CP_URL is not set)"),
        ("MOLECULE_CP_URL: ''", "(MOLECULE_CP_URL is empty)"),
        ("MOLECULE_CP_URL:", "(MOLECULE_CP_URL has no value, and is not set where compose runs)"),
    ],
)
def test_a_variable_that_is_named_and_empty_is_not_set(
    capsys: pytest.CaptureFixture[str], environment: str, why: str
) -> None:
    text = GOOD.replace("MOLECULE_CP_URL: http://cp-stub:9090", environment)
    found = findings(doctor(capsys, text), About.VARIABLE)
    assert why in found[0].text
    assert found[0].line == 13


def test_the_first_variable_that_is_set_counts(capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("ADMIN_TOKEN: dummy", "ADMIN_TOKEN: dummy\n      CP_PROVISION_URL: http://elsewhere:1")
    (found,) = findings(doctor(capsys, text), About.VARIABLE)
    assert found.text.startswith("CP_PROVISION_URL is http://elsewhere:1: that is not the front.")
    assert "POST /cp/workspaces/provision" in found.text


def test_a_call_that_is_not_made_at_all_is_a_finding_where_it_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("      CP_UPSTREAM_URL: http://cp-stub:9090/s/alpha\n", "")
    note = only(doctor(capsys, text, code=Exit.CLEAN), About.VARIABLE, Level.NOTE)
    assert "GET /cp/auth/tenant-member will not be called at all; set CP_UPSTREAM_URL" in note.text
    config = Path("cpproxy.toml")
    config.write_text(config.read_text().replace('default = "none"', 'default = "none"\nrequired = ["tenant-alpha"]'))
    found = only(doctor(capsys, text, code=Exit.FINDINGS), About.VARIABLE)
    assert "not be called at all, which the config requires" in found.text


NAMES = {
    "aliases": ("", "", Level.RIGHT, "by alias"),
    "dns": ("DNS", "    dns: 10.9.0.2\n", Level.RIGHT, "by dns"),
    "another dns": ("DNS", "    dns: 8.8.8.8\n", Level.FINDING, "nothing leads"),
    "extra_hosts": (
        "DNS",
        "    extra_hosts: ['api.moleculesai.app:10.9.0.2', 'staging-api.moleculesai.app:10.9.0.2']\n",
        Level.RIGHT,
        "by extra_hosts",
    ),
    "one of two": (
        "DNS",
        "    extra_hosts: ['api.moleculesai.app:10.9.0.2']\n",
        Level.FINDING,
        "nothing leads staging-api.moleculesai.app to a trap",
    ),
    "a link": (
        "DNS",
        "    links: ['cp-stub:api.moleculesai.app', 'cp-stub:staging-api.moleculesai.app']\n",
        Level.RIGHT,
        "by links",
    ),
    "a proxy": (
        "DNS",
        "    env_file: [proxy.env]\n",
        Level.RIGHT,
        "by HTTPS_PROXY",
    ),
    "elsewhere": (
        "",
        "    extra_hosts: ['api.moleculesai.app:10.0.0.9', 'staging-api.moleculesai.app:10.0.0.9']\n",
        Level.NOTE,
        "which is no trap",
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_control_planes_names_are_followed_to_the_trap(capsys: pytest.CaptureFixture[str], name: str) -> None:
    drop, lines, level, why = NAMES[name]
    Path("proxy.env").write_text("HTTPS_PROXY=http://cp-stub:8888\nHTTP_PROXY=http://cp-stub:8888\nNO_PROXY=cp-stub\n")
    text = GOOD.replace("    networks: [inside]\n", f"    networks: [inside]\n{lines}")
    if drop:
        text = text.replace(", aliases: [api.moleculesai.app, staging-api.moleculesai.app]", "")
    diagnosis = doctor(capsys, text)
    found = [one for one in diagnosis.remarks if one.about is About.NAMES and one.level is level]
    assert any(why in one.text for one in found), diagnosis.remarks


LED = ", aliases: [api.moleculesai.app, staging-api.moleculesai.app]"
LEAKS = {
    "another server first": (True, "dns: [8.8.8.8, 10.9.0.2]", "dns names 8.8.8.8 beside cp-stub", True),
    "another server behind": (True, "dns: [10.9.0.2, 8.8.8.8]", "dns names 8.8.8.8 beside cp-stub", True),
    "a host outside": (False, "extra_hosts: ['api.moleculesai.app:34.1.2.3']", "to 34.1.2.3, by extra_hosts", False),
    "a host here and outside": (
        False,
        "extra_hosts: ['api.moleculesai.app:10.9.0.2', 'api.moleculesai.app:34.1.2.3']",
        "to 34.1.2.3, by extra_hosts",
        False,
    ),
    "a proxy": (True, "env_file: [https.env]", "to squid.corp, by HTTPS_PROXY", True),
    "a proxy for http://": (False, "env_file: [http.env]", "to squid.corp, by http_proxy", True),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_name_that_may_lead_out_is_a_finding_where_the_network_lets_it(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    bare, line, why, mends = LEAKS[name]
    Path("https.env").write_text("HTTPS_PROXY=http://user:word@squid.corp:3128\nNO_PROXY=cp-stub\n")
    Path("http.env").write_text("http_proxy=squid.corp:3128\nNO_PROXY=cp-stub\n")
    text = GOOD.replace("    networks: [inside]\n", f"    networks: [inside, open]\n    {line}\n") + "  open: {}\n"
    text = text.replace(LED, "") if bare else text
    found = only(doctor(capsys, text, code=Exit.FINDINGS), About.NAMES)
    assert why in found.text
    assert "nobody sees it" in found.text
    Path("mended.yml").write_text(doctor(capsys, text).lines)
    if mends:
        doctor(capsys, text, "compose.yml", "mended.yml", code=Exit.CLEAN)
    closed = text.replace("  open: {}", "  open: {internal: true}")
    doctor(capsys, closed, code=Exit.CLEAN)


def test_a_proxy_that_gets_out_itself_is_one_that_leads_out(capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("ADMIN_TOKEN: dummy", "https_proxy: http://squid:3128\n      no_proxy: cp-stub")
    squid = "\n  squid: {image: squid, networks: [inside, open]}\nnetworks:\n  open: {}\n  inside:"
    found = findings(doctor(capsys, text.replace("\nnetworks:\n  inside:", squid)), About.NAMES)
    assert ["to squid, by https_proxy, which is not the trap" in one.text for one in found] == [True]


def test_a_trap_may_be_named_by_variables_and_by_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    bare = GOOD.replace(TRAP, "")
    assert findings(doctor(capsys, bare), About.NAMES)
    variables = 'environment: {CPPROXY_TRAP: 1, CPPROXY_TRAP_SINK: "0.0.0.0:80 0.0.0.0:443"}'
    assert doctor(capsys, bare.replace("    image: cpproxy\n", f"    image: cpproxy\n    {variables}\n"), code=0).fronts
    off = bare.replace("    image: cpproxy\n", f"    image: cpproxy\n    {variables.replace('TRAP: 1', 'TRAP: 0')}\n")
    for without in (GOOD.replace(TRAP, f"{TRAP} --no-trap"), off):
        assert findings(doctor(capsys, without), About.NAMES)
    config = Path("cpproxy.toml")
    config.write_text(f'{config.read_text()}\n[trap]\nsinks = ["0.0.0.0:443", "0.0.0.0:80"]\n')
    assert doctor(capsys, bare, code=0).fronts


def test_a_way_out_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = doctor(capsys, GOOD.replace("internal: true", "internal: false"), code=Exit.CLEAN)
    assert "not internal: what the trap does not catch" in only(diagnosis, About.NETWORK, Level.NOTE).text
    host = GOOD.replace("    networks: [inside]\n", "    network_mode: host\n")
    assert "it gets out wherever that does" in only(doctor(capsys, host), About.NETWORK, Level.NOTE).text
    none = GOOD.replace("    networks: [inside]\n", "    network_mode: none\n")
    assert "it reaches nobody" in only(doctor(capsys, none), About.NETWORK).text
    beside = GOOD.replace("    networks: [inside]\n", "    network_mode: service:cp-stub\n")
    assert findings(doctor(capsys, beside.replace("http://cp-stub:9090\n", "http://localhost:9090\n"))) == []


def test_a_service_may_wait_for_one_that_waits_for_the_front(capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("{cp-stub: {condition: service_healthy}}", "[between]").replace(
        "\nnetworks:\n  inside:",
        "\n  between: {image: b, networks: [inside], depends_on: {cp-stub: {condition: service_healthy}}}\nnetworks:\n"
        "  inside:",
    )
    assert "by way of between" in only(doctor(capsys, text, code=Exit.CLEAN), About.ORDER, Level.RIGHT).text


def test_a_front_that_listens_to_itself_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = doctor(capsys, GOOD.replace("--listen 0.0.0.0:9090", "--listen 127.0.0.1:9090"))
    assert "no other container reaches" in only(diagnosis, About.FRONT).text


def test_a_recorder_must_not_take_the_trap_for_its_upstream(capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = doctor(capsys, GOOD.replace("cpproxy replay", "cpproxy record"))
    assert any("would record the trap's refusals" in one.text for one in findings(diagnosis, About.NAMES))


def test_nobody_is_judged_who_is_not_known_to_call(capsys: pytest.CaptureFixture[str]) -> None:
    text = "services: {cp-stub: {image: cpproxy, command: replay}, web: {image: nginx}, db: {image: postgres}}"
    diagnosis = doctor(capsys, text, code=Exit.FINDINGS)
    assert [one.about for one in findings(diagnosis)] == [About.CLIENTS]
    assert "--client web --client db" in findings(diagnosis)[0].text
    named = doctor(capsys, text, "compose.yml", "--client", "web")
    assert {one.service for one in findings(named)} == {"web"}
    assert named.clients == {"web": "named"}


def test_a_client_is_known_by_its_image_and_by_being_required(capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace(
        "\nnetworks:\n  inside:", "\n  tenant-beta: {image: tenant}\n  c: {image: c}\nnetworks:\n  inside:"
    )
    config = Path("cpproxy.toml")
    config.write_text(config.read_text().replace("required = true", 'required = ["c"]'))
    assert doctor(capsys, text).clients == {
        "tenant-alpha": "it names MOLECULE_CP_URL",
        "tenant-beta": "made of the same image as tenant-alpha",
        "c": "required to call provision",
    }


def test_a_front_is_known_by_its_command_alone(capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("cp-stub", "cp").replace("image: cpproxy", "build: .")
    for command in (
        "[replay, ",
        "[-v, --cassettes, replay, --config=c.toml, replay, ",
        '["/opt/bin/cpproxy", "--cassettes", x, replay, ',
    ):
        trap = TRAP.replace(" ", ", ").replace("=", ", ").lstrip(", ")
        changed = text.replace("command: cpproxy replay --listen 0.0.0.0:9090" + TRAP, f"command: {command}{trap}]")
        diagnosis = doctor(capsys, changed, code=Exit.CLEAN)
        assert diagnosis.fronts == ("cp",)
    run = f"cpproxy replay{TRAP}"
    for command, code in (
        (f"[sh, -c, exec {run}]", Exit.CLEAN),
        (f"[/bin/bash, -ec, exec {run}]", Exit.CLEAN),
        (f"[sh, -c, exec cpproxy replay, {', '.join(TRAP.split())}]", Exit.FINDINGS),  # these are the shell's
        (f"cpproxy replay -- ./serve {TRAP}", Exit.FINDINGS),  # and these another program's
    ):
        changed = text.replace("command: cpproxy replay --listen 0.0.0.0:9090" + TRAP, f"command: {command}")
        assert doctor(capsys, changed, code=code).fronts == ("cp",)
    missing = doctor(capsys, text.replace("      MOLECULE_CP_URL: http://cp:9090\n", ""))
    assert "set it to http://cp:9090." in findings(missing, About.VARIABLE)[0].text
    judge = text.replace("cpproxy replay --listen 0.0.0.0:9090", "verify -- ./replay")
    assert doctor(capsys, judge).fronts == ()


def test_without_a_front_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cpproxy.toml").write_text('[[routes]]\nmatch = "GET /a"\nenv = ["A_URL"]\n')
    text = "services: {stub: {image: stub}, one: {image: one, environment: {A_URL: 'http://stub:80'}}}"
    diagnosis = doctor(capsys, text, code=Exit.FINDINGS)
    assert "--front stub" in only(diagnosis, About.FRONT).text
    named = doctor(capsys, text, "compose.yml", "--front", "stub")
    assert "listens on port 9090" in only(named, About.VARIABLE).text
    text = text.replace("image: stub", "image: stub, expose: [80]")
    assert findings(doctor(capsys, text, "compose.yml", "--front", "stub"), About.VARIABLE) == []


def test_a_front_outside_of_the_project_is_taken_from_the_config(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cpproxy.toml").write_text(
        '[cp]\nfront_url = "http://host.docker.internal:9090"\n[[routes]]\nmatch = "GET /a"\nenv = ["A_URL"]\n'
    )
    text = "services: {one: {image: one, environment: {A_URL: 'http://host.docker.internal:9090'}}}"
    diagnosis = doctor(capsys, text, code=Exit.CLEAN)
    assert "where the config says that the front is" in only(diagnosis, About.VARIABLE, Level.RIGHT).text


def test_no_value_that_is_a_secret_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    secret, other = secrets.token_hex(16), f"sk_live_{secrets.token_hex(12)}"
    text = INCIDENT.replace("dummy", f'"{secret}"').replace(
        "CP_UPSTREAM_URL: http://cp-stub:9090",
        f"CP_UPSTREAM_URL: http://user:{secret}@elsewhere:9090/{other}?token={secret}\n      CP_PROVISION_URL: {other}",
    )
    Path("compose.yml").write_text(text)
    for form in ("text", "json", "github", "markdown"):
        assert run(["doctor", "compose.yml", "--format", form]) == Exit.FINDINGS
        out = "".join(capsys.readouterr())
        assert secret not in out
        assert other not in out
        assert "http://elsewhere:9090" in out


def test_each_format_names_file_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("compose.yml").write_text(INCIDENT)
    assert run(["--cassettes", str(ROOT / "cassettes"), "doctor", "compose.yml"]) == Exit.FINDINGS
    text = capsys.readouterr().out
    assert "tenant-alpha (client: it names CP_UPSTREAM_URL)" in text
    assert "  finding: compose.yml:6: MOLECULE_CP_URL is not set" in text
    assert "    tenant-alpha:\n      environment:\n        MOLECULE_CP_URL: http://cp-stub:9090\n" in text
    assert text.endswith("cpproxy: 3 findings; front: cp-stub; 1 client: tenant-alpha\n")
    assert run(["doctor", "compose.yml", "-q"]) == Exit.FINDINGS
    assert "note:" not in capsys.readouterr().out
    assert run(["doctor", "compose.yml", "--format", "github"]) == Exit.FINDINGS
    github = capsys.readouterr().out
    assert (
        "::error file=compose.yml,line=6,title=cpproxy variable of tenant-alpha::tenant-alpha: MOLECULE_CP_URL"
        in github
    )
    assert run(["doctor", "compose.yml", "--format", "markdown"]) == Exit.FINDINGS
    assert "- **finding** compose.yml:6: MOLECULE\\_CP\\_URL is not set" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["none.yml"], "none.yml: cannot be read"),
        ([], "no compose file in"),
        (["compose.yml", "--front", "cp"], "--front cp: expected one of cp-stub, tenant-alpha"),
        (["compose.yml", "--client", "x"], "--client x: expected one of"),
        (["compose.yml", "--env-file", "none.env"], "none.env: cannot be read"),
    ],
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], args: list[str], problem: str) -> None:
    if args:
        Path("compose.yml").write_text(INCIDENT)
    assert run(["doctor", *args]) == Exit.USAGE
    out = capsys.readouterr()
    assert out.out == ""
    assert problem in out.err
    assert out.err.count("\n") == 1


def test_the_projects_own_harness_leads_its_tenants_to_the_front(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    run(["doctor", "compose.yml", "--format", "json"])
    diagnosis = msgspec.json.decode(capsys.readouterr().out, type=Diagnosis)
    assert list(diagnosis.clients) == ["tenant-alpha", "tenant-beta"]
    assert [one for one in findings(diagnosis) if one.about is not About.NAMES] == []
