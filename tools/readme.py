"""Executes README.md as printed.

    python tools/readme.py --tests    the second set-up command, here: it installs what is needed and passes the tests
    python tools/readme.py --main     the first one in a fresh clone with a bare environment, then every Python block

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def blocks(language: str) -> list[str]:
    """Code blocks of README.md in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.M | re.S)


def shell(command: str, cwd: Path, env: dict[str, str] | None = None) -> None:
    print(f"$ {command.strip()}", flush=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=cwd, env=env, check=True)


def run_main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        clone = Path(directory) / "pondera"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        kept = ("PATH", "HOME", "LANG", "SSL_CERT_FILE")
        bare = {
            k: v for k, v in os.environ.items() if k in kept or k.startswith(("PIP_", "UV_")) or "proxy" in k.lower()
        }
        shell(blocks("sh")[0], clone, bare)
        report = clone / "report.html"
        if not report.is_file() or not 10_000 < report.stat().st_size < 3_000_000:
            raise SystemExit("the first command of README.md left no report.html below 3 MB")
        shell(".venv/bin/pip install -q ./plugins/information ./plugins/attribution", clone, bare)
        for number, code in enumerate(blocks("python")):
            print(f"README.md, Python block {number + 1}", flush=True)
            subprocess.run(
                [str(clone / ".venv/bin/python"), "-W", "error", "-c", code], cwd=clone, env=bare, check=True
            )


if __name__ == "__main__":
    if sys.argv[1:] == ["--tests"]:
        shell(blocks("sh")[1], ROOT)
    elif sys.argv[1:] == ["--main"]:
        run_main()
    else:
        raise SystemExit(__doc__)
