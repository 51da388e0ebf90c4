"""Writes python/pondera/_core/*.pyi with pybind11-stubgen, or with --check compares them with what it would write."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "python" / "pondera" / "_core"


def generate(directory: Path) -> Path:
    """The stubs of the installed extension, formatted."""
    subprocess.run(
        [sys.executable, "-m", "pybind11_stubgen", "pondera._core", "--output-dir", str(directory),
         "--numpy-array-use-type-var", "--exit-code"],
        check=True, capture_output=True,
    )  # fmt: skip
    made = directory / "pondera" / "_core"
    subprocess.run([sys.executable, "-m", "ruff", "check", "--fix", "--select", "I", "-q", str(made)], check=False)
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", "--line-length", "120", str(made)], check=True)
    return made


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        made = generate(Path(directory))
        names = sorted(p.name for p in made.glob("*.pyi"))
        if "--check" in sys.argv:
            _, differ, missing = filecmp.cmpfiles(made, TARGET, names, shallow=False)
            stale = sorted({p.name for p in TARGET.glob("*.pyi")} - set(names))
            for name in sorted(differ + missing) + stale:
                print(f"stub out of date: {name} (run python tools/stubs.py)")
            return 1 if differ or missing or stale else 0
        TARGET.mkdir(exist_ok=True)
        for old in TARGET.glob("*.pyi"):
            old.unlink()
        for name in names:
            shutil.copy(made / name, TARGET / name)
        print(f"wrote {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
