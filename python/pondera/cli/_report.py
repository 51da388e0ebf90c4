"""``pondera report``: the command line of `pondera.report`; the analysis and the page are `pondera.reporting`'s."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from .. import _workers
from ._base import Refused, check_output, clean, common, one_line, progress, quiet, refusing, table

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("reference", required=False, type=FILE)
@click.argument("target", required=False, type=FILE)
@click.option("--label", metavar="y", help="The column that the model predicts.")
@click.option("--model", type=FILE, help="A fitted model, .onnx or .skops; else one is cross-fitted.")
@click.option("--task", type=click.Choice(("auto", "regression", "classification")), default="auto", show_default=True)
@click.option("--out", type=FILE, default="report.html", show_default=True, help="The page.")
@click.option("--json", "json_file", type=FILE, help="Every number, for programs.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--workers", type=int, help="Threads; -1: all. Changes no number.")
@click.option("--open", "open_it", is_flag=True, help="Open the page in the browser.")
@common
@click.pass_context
def report(
    ctx: click.Context,
    reference: Path | None,
    target: Path | None,
    label: str | None,
    model: Path | None,
    task: str,
    out: Path,
    json_file: Path | None,
    seed: int,
    workers: int | None,
    open_it: bool,
) -> None:
    """Compare data and a model: how far apart, what matters.

    How far did the data move, which rows and features matter, and can the numbers be trusted? Answers are printed in
    short and written as a page.

    REFERENCE and TARGET are CSV, Parquet or Feather files with the same columns. Without them the report is about the
    diabetes data of scikit-learn: the younger half against the older half.
    """
    if reference is not None and target is None:
        raise click.UsageError("expected REFERENCE and TARGET, or neither (the bundled data)", ctx)
    if reference is None and (label is not None or model is not None):
        raise click.UsageError("--label and --model need REFERENCE and TARGET", ctx)
    with refusing(ValueError):
        _workers.resolve(workers)
    outputs = [out] if json_file is None else [out, json_file]
    _check_outputs(outputs, [p for p in (reference, target, model) if p is not None])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # doubt about a number stands in the report, beside that number
        with _sorted_errors(), progress() as tell:
            reporting: Any = importlib.import_module("pondera.reporting")

            def step(done_steps: int, total: int, name: str) -> None:
                tell(done_steps / total, name)

            common = {"rng": seed, "workers": workers, "progress": step}
            if reference is None:
                done = reporting.demo(**common)
            else:
                done = reporting.from_files(reference, target, label=label, model=model, task=task, **common)
        with _sorted_errors():
            _write_together({out: done.write_html} | ({json_file: done.write_json} if json_file else {}))
    if not quiet():
        _print(done.verdicts, outputs)
    if open_it:
        click.launch(out.resolve().as_uri())


def _check_outputs(outputs: list[Path], inputs: list[Path]) -> None:
    """Refuse, before minutes of work, outputs that cannot be written or would destroy something."""
    for path in outputs:
        check_output(path)
        if any(_same(path, other) for other in inputs):
            raise Refused(f"{path}: is an input; it would be overwritten")
    if len(outputs) == 2 and _same(*outputs):
        raise Refused(f"{outputs[0]}: --out and --json name the same file")


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve() or (a.exists() and b.exists() and a.samefile(b))


@contextlib.contextmanager
def _sorted_errors() -> Iterator[None]:
    """Exit code 2 for what the user can mend (input, files, packages), 1 for everything else."""
    try:
        yield
    except ImportError as error:
        text = one_line(error)
        hint = "" if "pip install" in text else "; pip install 'pondera[report]'"
        raise Refused(text + hint) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
        raise (click.ClickException if full else Refused)(one_line(error)) from error
    except ValueError as error:
        if not isinstance(error, getattr(sys.modules.get("pondera.reporting"), "InputError", ())):
            raise
        raise Refused(one_line(error)) from error


def _write_together(outputs: dict[Path, Callable[[Path], Any]]) -> None:
    """All files or none: written beside their places, then renamed."""
    with contextlib.ExitStack() as stack:
        ready = []
        for path, write in outputs.items():
            place = path.resolve()  # the file that a link points to, not the link
            try:
                staging = stack.enter_context(tempfile.TemporaryDirectory(dir=place.parent, prefix=".pondera-"))
                ready.append((Path(staging) / place.name, place))
                write(ready[-1][0])
            except OSError as error:
                raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        for source, place in ready:
            os.replace(source, place)


_STYLES = {"good": "green", "warn": "yellow", "bad": "red"}


def _print(verdicts: list[dict[str, Any]], outputs: list[Path]) -> None:
    rows = [(v["level"], clean(v["text"], limit=1000)) for v in verdicts]
    table(("", "verdict"), rows, styles=[_STYLES.get(v["level"], "none") for v in verdicts])
    for path in outputs:
        print(clean(f"{path} ({path.stat().st_size / 1e6:.2f} MB)"))
