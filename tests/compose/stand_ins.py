"""Stand-ins for the images that a registry would give, made of what is installed here: no image can be pulled.

`python:3.13-slim` becomes this Python and the programs of a slim Debian, with the wheels that `pip install` asks for
beside them and a `pip.conf` that says so; `nginx:stable` becomes this machine's nginx. So a Dockerfile is built as it
stands.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.compose.engine import Engine
from tests.processes import clean_environment

ROOT = Path(__file__).parents[2]
PYTHON = "python:3.13-slim"
NGINX = "nginx:stable"
# What a slim Debian has, as far as a Dockerfile or a script may call it.
_PACKAGES = (
    "bash",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "libc-bin",
    "sed",
    "tar",
    "util-linux",
)
_FILES = (
    *("/etc/debian_version", "/etc/os-release", "/etc/nsswitch.conf", "/etc/login.defs", "/etc/services"),
    *("/etc/ssl/certs/ca-certificates.crt", "/usr/sbin/useradd", "/usr/sbin/nologin"),
)
_LIBRARIES = ("libc6", "libgcc-s1", "libstdc++6")  # what a wheel may take for granted
_LEFT_OUT = (
    "__pycache__",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "_tkinter*",
    "config-3*",
    "*.a",
    "*.pyc",
)
_PASSWD = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
_GROUP = "root:x:0:\nnogroup:x:65534:\n"


def import_python(engine: Engine) -> None:
    """Make `python:3.13-slim` known to the engine."""
    with tempfile.TemporaryDirectory(prefix="cpproxy-image-") as name:
        root = Path(name)
        _lay_debian(root)
        _lay_python(root)
        shutil.copytree(_find_wheels(), root / "wheels")
        (root / "etc/pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        _import(
            engine,
            root,
            PYTHON,
            "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
            'CMD ["python3"]',
        )


def import_nginx(engine: Engine) -> None:
    """Make `nginx:stable` known to the engine."""
    with tempfile.TemporaryDirectory(prefix="cpproxy-image-") as name:
        root = Path(name)
        _lay_debian(root)
        _copy(root, ["/usr/sbin/nginx", "/usr/bin/curl", "/etc/nginx/mime.types"])
        for folder in ("etc/nginx/conf.d", "var/log/nginx", "var/lib/nginx", "var/cache/nginx", "run"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "etc/nginx/nginx.conf").write_text(
            "user nobody nogroup;\nerror_log /dev/stderr notice;\npid /run/nginx.pid;\nevents {}\n"
            "http {\n include /etc/nginx/mime.types;\n access_log /dev/stdout;\n include /etc/nginx/conf.d/*.conf;\n}\n"
        )
        _import(engine, root, NGINX, "EXPOSE 80", 'CMD ["nginx", "-g", "daemon off;"]')


def _import(engine: Engine, root: Path, tag: str, *changes: str) -> None:
    _copy_libraries(root)
    (root / "etc/ld.so.conf").write_text("/usr/local/lib\n")
    subprocess.run(["ldconfig", "-r", str(root)], check=True)
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        assert tar.stdout is not None
        options = [part for change in changes for part in ("--change", change)]
        done = subprocess.run(
            ["docker", "import", *options, "-", tag],
            stdin=tar.stdout,
            env=engine.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr


def _lay_debian(root: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("etc", "dev", "proc", "sys", "root", "home", "run", "tmp", "var/tmp", "opt", "srv", "var/lib"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    (root / "etc/passwd").write_text(_PASSWD)
    (root / "etc/group").write_text(_GROUP)
    (root / "etc/shadow").touch(0o600)
    programs = [
        path for path in _list_files(_PACKAGES) if path.startswith(("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/"))
    ]
    libraries = [path for path in _list_files(_LIBRARIES) if ".so" in path and path.count("/") <= 4]
    _copy(root, [*programs, "/bin/sh", *libraries, *_FILES])


def _list_files(packages: Iterable[str]) -> list[str]:
    listed = subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def _lay_python(root: Path) -> None:
    """This Python under /usr/local, with pip and without what others have installed into it."""
    base = Path(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = root / "usr/local/lib" / version
    ignore = shutil.ignore_patterns(*_LEFT_OUT, "site-packages")
    shutil.copytree(base / "lib" / version, library, ignore=ignore, symlinks=True)
    for package in (base / "lib" / version / "site-packages").glob("pip*"):
        shutil.copytree(package, library / "site-packages" / package.name, ignore=ignore)
    for shared in (base / "lib").glob("libpython3*.so*"):
        shutil.copy2(shared, root / "usr/local/lib", follow_symlinks=False)
    programs = root / "usr/local/bin"
    programs.mkdir(exist_ok=True)
    shutil.copy2(base / "bin" / version, programs)
    for name in ("python3", "python"):
        (programs / name).symlink_to(version)
    (programs / "pip").write_text('#!/bin/sh\nexec python3 -m pip "$@"\n')
    (programs / "pip").chmod(0o755)


def _find_wheels() -> Path:
    """A folder of all that an installation of cpproxy asks for; kept for the next run, until that changes."""
    project = (ROOT / "pyproject.toml").read_bytes()
    key = hashlib.sha256(project + sys.version.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cpproxy-tests"
    wheels = cache / f"wheels-{key}"
    if not wheels.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for old in cache.glob("wheels-*"):
            shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=cache) as name:
            made = Path(name) / "wheels"
            command = [sys.executable, "-m", "pip", "wheel", "-q", "-w", str(made), str(ROOT), *_find_builders()]
            done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            made.rename(wheels)
    return wheels


def _find_builders() -> list[str]:
    import tomllib  # noqa: PLC0415

    builders: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    return builders


def _copy(root: Path, paths: Iterable[str]) -> None:
    """Files of this machine at the same place in the image, links as links with what they point to."""
    for path in paths:
        source = Path(path)
        if not source.exists() or source.is_dir():
            continue
        place = source.parent.resolve() / source.name
        target = root / place.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() and not target.is_symlink():
            shutil.copy2(place, target, follow_symlinks=False)
        if place.is_symlink():
            _copy(root, [str(place.resolve())])


def _copy_libraries(root: Path) -> None:
    """The shared libraries of every program and module in the image."""
    folders = [root / "usr/bin", root / "usr/sbin", root / "usr/local"]
    binaries = [path for folder in folders for path in folder.rglob("*") if not path.is_symlink() and _is_binary(path)]
    listed = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    found = {word for line in listed.splitlines() for word in line.split() if word.startswith("/") and ":" not in word}
    _copy(root, sorted(path for path in found if not path.startswith((str(root), sys.base_prefix))))


def _is_binary(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
