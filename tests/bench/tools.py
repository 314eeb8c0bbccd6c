"""The programs that the peers need: what this machine has, what npm can bring, and what to install for the rest."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("talkback", "mountebank", "wiremock")


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the programs are that the peers need."""

    modules: Path | None
    node: str | None
    java: str | None
    nginx: str | None

    def find_package(self, name: str) -> Path:
        """The folder of an npm package. ValueError where npm could not bring it."""
        if self.modules is None:
            raise ValueError(f"{name} is not installed")
        return self.modules / name

    def find_wiremock_jar(self) -> Path:
        """The jar that the npm package carries. ValueError where it is not there."""
        jars = sorted((self.find_package("wiremock") / "build").glob("wiremock-standalone-*.jar"))
        if not jars:
            raise ValueError("the npm package wiremock carries no jar")
        return jars[-1]


NO_TOOLS = Tools(None, None, None, None)


def find_tools(notices: list[str]) -> Tools:
    """The tools of this machine; the npm packages are installed into the user's cache if they are not there yet."""
    node, npm = shutil.which("node"), shutil.which("npm")
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    modules = None
    if node is not None and npm is not None:
        modules = _install_packages(npm, notices)
    return Tools(modules, node, shutil.which("java"), nginx)


def _install_packages(npm: str, notices: list[str]) -> Path | None:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "cpproxy-bench"
    modules = folder / "node_modules"
    if all((modules / package / "package.json").is_file() for package in PACKAGES):
        return modules
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(folder), *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        notices.append(f"npm could not install {', '.join(PACKAGES)}: {done.stderr.strip()[-200:]}")
        return None
    return modules
