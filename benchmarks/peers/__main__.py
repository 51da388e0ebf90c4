"""pondera beside other libraries, on the same input in one run: ``nox -s peers``, or ``python -m benchmarks.peers``.

    python -m benchmarks.peers [NAME...] [--json FILE]

NAME chooses modules of this folder, or rows by a part of their name. A ratio is the peer's time over ours; a row that
misses its target is printed as a miss. The JSON keeps versions and threads, so that the history can be kept.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import pkgutil
import platform
from pathlib import Path
from typing import Any

import benchmarks.peers as folder
import pondera as po
from pondera import _core, _workers
from pondera.results import write_atomically

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "jax", "arviz-stats", "SALib", "shap", "shapiq", "npeet-plus")


def versions() -> dict[str, str]:
    out = {"pondera": po.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    modules = [m.name for m in pkgutil.iter_modules(folder.__path__) if not m.name.startswith("_")]
    chosen = [m for m in modules if m in arguments.names] or modules
    parts = [n for n in arguments.names if n not in modules]

    head = {"versions": versions(), "isa": _core.isa_name(), "threads": _workers.resolve(None), "cpus": os.cpu_count()}
    print(", ".join(f"{k} {v}" for k, v in head["versions"].items()))
    print(f"{head['threads']} threads, {head['isa']}\n")
    print(f"{'row':58} {'ours':>9} {'peer':>9} {'ratio':>7} {'target':>7}")
    rows: list[dict[str, Any]] = []
    for name in chosen:
        for row in importlib.import_module(f"benchmarks.peers.{name}").rows():
            if parts and not any(part in row["name"] for part in parts):
                continue
            rows.append(row)
            target = row.get("target")
            miss = "  miss" if target is not None and row["ratio"] < target else ""
            goal = "" if target is None else f"{target:7.1f}"
            label = f"{row['name']} / {row['peer']}"
            print(
                f"{label[:58]:58} {row['ours_s']:9.4g} {row['peer_s']:9.4g} {row['ratio']:7.2f} {goal:>7}{miss}",
                flush=True,
            )
    if arguments.json:
        text = json.dumps({**head, "rows": rows}, indent=1)
        write_atomically(arguments.json, lambda file: file.write(text.encode()))


if __name__ == "__main__":
    main()
