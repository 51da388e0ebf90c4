"""``pondera claims``: the papers' headline effects, re-enacted. For a source checkout; claims are not installed.

``benchmarks/claims/<plugin>/<system>.py`` holds ``TITLE``, ``SOURCE`` (plain strings: listing reads them without
importing the file) and ``run(*, quick=False, progress=...) -> dict``. Results are stored in
``benchmarks/claims/results/<plugin>-<system>.json``, from which the documentation makes its table.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import importlib.util
import json
import math
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ._base import (
    Group,
    Progress,
    Refused,
    check_output,
    clean,
    common,
    echo_json,
    note,
    one_line,
    progress,
    quiet,
    refusing,
    table,
)

FOLDER = Path("benchmarks", "claims")


@dataclass(frozen=True)
class Claim:
    """One file."""

    path: Path

    @property
    def plugin(self) -> str:
        return self.path.parent.name

    @property
    def system(self) -> str:
        return self.path.stem

    @property
    def name(self) -> str:
        return f"{self.plugin}/{self.system}"

    @property
    def stored(self) -> Path:
        return self.path.parent.parent / "results" / f"{self.plugin}-{self.system}.json"

    def texts(self) -> dict[str, str]:
        """``TITLE`` and ``SOURCE`` as written in the file."""
        out = {"TITLE": "", "SOURCE": ""}
        for node in ast.parse(self.path.read_bytes(), str(self.path)).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id in out:
                        out[target.id] = str(node.value.value)
        return out

    def result(self) -> dict[str, Any] | None:
        """What an earlier run stored."""
        try:
            stored = json.loads(self.stored.read_text())
        except (OSError, ValueError):
            return None
        return stored if isinstance(stored, dict) else None

    def run(self, quick: bool, tell: Progress) -> dict[str, Any]:
        """Import the file, run it, check what it returns."""
        with _importable(self.path) as module:
            start = time.perf_counter()
            data = module.run(quick=quick, progress=tell)
            seconds = time.perf_counter() - start
        if not isinstance(data, dict):
            raise TypeError(f"run() returned a {type(data).__name__}, expected a dict")
        whole = {"plugin": self.plugin, "system": self.system, "title": module.TITLE, "source": module.SOURCE}
        whole |= {"reason": "", "seconds": seconds} | data | {"quick": quick}
        _check(self, whole)
        return _plain(whole)  # type: ignore[no-any-return]


@contextlib.contextmanager
def _importable(path: Path) -> Iterator[Any]:
    """The module of a claim file, under a name that pickle finds, with the checkout's root on the path."""
    name = f"pondera_claim_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    root = str(path.parents[3])
    sys.modules[name] = module
    sys.path.insert(0, root)
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(root)
        del sys.modules[name]


def _check(claim: Claim, data: dict[str, Any]) -> None:
    """The contract of a result; the message names the key."""
    for key, value in (("plugin", claim.plugin), ("system", claim.system)):
        if data[key] != value:
            raise ValueError(f"{key}: the file stands for {value!r}, run() says {data[key]!r}")
    for key in ("title", "source", "reason"):
        if not isinstance(data[key], str):
            raise TypeError(f"{key}: expected a string, received {type(data[key]).__name__}")
    if type(data.get("reproduced")).__name__ not in ("bool", "bool_"):
        raise ValueError(f"reproduced: expected True or False, received {data.get('reproduced')!r}")
    if not data["reproduced"] and not data["reason"].strip():
        raise ValueError("reason: a claim that did not reproduce says why")
    if "seeds" not in data:
        raise ValueError("seeds: missing; their number or their list")
    rows = data.get("rows")
    if not isinstance(rows, (list, tuple)) or not rows:
        raise ValueError("rows: expected a list of at least one row")
    for i, row in enumerate(rows):
        missing = {"name", "ours", "baseline", "paper"} - set(row)
        if missing:
            raise ValueError(f"rows[{i}]: lacks {', '.join(sorted(missing))}")


def _plain(value: Any) -> Any:
    """Values for JSON; NumPy's become Python's, NaN and infinities words."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a result holds a {type(value).__name__}, expected numbers, strings, lists and dicts")


def _find(root: Path | None) -> list[Claim]:
    """The claims of the checkout at `root`, or around the current directory."""
    here = Path.cwd()
    for place in [root.resolve()] if root else [here, *here.parents]:
        folder = place / FOLDER
        if folder.is_dir():
            files = sorted(p for p in folder.glob("*/*.py") if not p.name.startswith("_"))
            return [Claim(p) for p in files if p.parent.name not in ("results", "__pycache__")]
    where = f"in {root}" if root else "here or in any directory above; run it in a source checkout, or give --root"
    raise Refused(f"no {FOLDER.as_posix()}/ {where}")


def _choose(claims: list[Claim], names: tuple[str, ...]) -> list[Claim]:
    """Claims by system, plugin/system, plugin.system or plugin-system, each once, in the order asked for."""
    chosen: dict[Claim, None] = {}
    for name in names:
        hits = [c for c in claims if name in (c.system, c.name, f"{c.plugin}.{c.system}", f"{c.plugin}-{c.system}")]
        if len(hits) > 1:
            raise Refused(f"{name!r} is ambiguous: {', '.join(c.name for c in hits)}")
        if not hits:
            near = difflib.get_close_matches(name, [c.name for c in claims] + [c.system for c in claims], cutoff=0.5)
            hint = f"; did you mean {', '.join(near)}?" if near else "; `pondera claims list` shows them"
            raise Refused(f"there is no claim {name!r}{hint}")
        chosen[hits[0]] = None
    return list(chosen)


@click.group(cls=Group, no_args_is_help=False)
@common
def claims() -> None:
    """Re-enact the claims of papers (in a source checkout)."""


def _root(function: Any) -> Any:
    directory = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.option("--root", type=directory, help="The checkout; else found from here upwards.")(function)


@claims.command("list")
@click.option("--json", "as_json", is_flag=True, help="A JSON array of objects.")
@_root
@common
def list_claims(root: Path | None, as_json: bool) -> None:
    """List the claims and what their last run found."""
    out = []
    for claim in _find(root):
        with refusing(SyntaxError, ValueError, OSError):
            texts = claim.texts()
        stored = claim.result()
        out.append(
            {
                "plugin": claim.plugin,
                "system": claim.system,
                "title": texts["TITLE"],
                "source": texts["SOURCE"],
                "reproduced": None if stored is None else bool(stored.get("reproduced")),
                "quick": None if stored is None else bool(stored.get("quick")),
            }
        )
    if as_json:
        echo_json(out)
        return
    words = {"None": "not run", "True": "yes", "False": "no"}
    rows = [(f"{c['plugin']}/{c['system']}", c["title"], c["source"], words[str(c["reproduced"])]) for c in out]
    table(("claim", "title", "source", "reproduced"), rows)


@claims.command("run")
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "run_all", is_flag=True, help="Every claim.")
@click.option("--quick", is_flag=True, help="At smoke-test size: does it run? Says little about the claim.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Results of this run.")
@_root
@common
@click.pass_context
def run_claims(
    ctx: click.Context, names: tuple[str, ...], run_all: bool, quick: bool, json_file: Path | None, root: Path | None
) -> None:
    """Run claims, print ours, baseline and paper, and store the results. Minutes to hours.

    A claim that does not reproduce is a result like any other. Exit 1 if one could not be run.
    """
    from ..results import write_atomically

    if run_all == bool(names):
        raise click.UsageError("expected NAME... or --all", ctx)
    if json_file:
        check_output(json_file)
    found = _find(root)
    results, failed = [], []
    for claim in found if run_all else _choose(found, names):
        try:
            with progress() as tell:
                data = claim.run(quick, _prefixed(tell, claim.name))
        except (Exception, SystemExit) as error:  # one broken claim leaves the others alone
            failed.append(claim.name)
            print(f"pondera: {claim.name}: {one_line(error)}", file=sys.stderr, flush=True)
            if ctx.meta.get("pondera.debug"):
                traceback.print_exception(error)
            continue
        results.append(data)
        if not quiet():
            _print(claim, data)
        earlier = claim.result()
        if quick and earlier is not None and not earlier.get("quick"):
            note(f"not stored: {claim.stored.name} holds a full run")
            continue
        with refusing(OSError):
            claim.stored.parent.mkdir(exist_ok=True)
            _write(claim.stored, data, write_atomically)
    if json_file:
        with refusing(OSError):
            _write(json_file, results, write_atomically)
    if failed:
        raise click.ClickException(f"could not be run: {', '.join(failed)}")


def _prefixed(tell: Progress, name: str) -> Progress:
    return lambda fraction, stage: tell(fraction, f"{name}: {stage}")


def _write(path: Path, data: Any, write_atomically: Callable[..., None]) -> None:
    text = json.dumps(data, indent=1, allow_nan=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def _print(claim: Claim, data: dict[str, Any]) -> None:
    print(clean(f"{claim.name}: {data['title']} ({data['source']})"))
    table(("measured", "ours", "baseline", "paper"), [[_cell(r[k]) for k in _COLUMNS] for r in data["rows"]])
    verdict = f"reproduced: {'yes' if data['reproduced'] else 'no'}"
    reason = f" ({data['reason']})" if data["reason"] else ""
    size = ", quick" if data["quick"] else ""
    print(clean(f"{verdict}{reason}; seeds: {data['seeds']}; {data['seconds']:.1f} s{size}") + "\n")


_COLUMNS = ("name", "ours", "baseline", "paper")


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
