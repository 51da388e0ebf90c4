"""The report: how far a target sample is from a reference, which rows and features matter, what to trust.

`report` takes data frames and models, `from_files` files, `demo` the diabetes data that scikit-learn ships. Reading and
checking are in `tables`, the numbers in `distance`, `model`, `importance` and `analysis`, the words in `document`, the
page in `render`. pandas, scikit-learn and the page's template engine are imported when a report is made.
"""

from __future__ import annotations

import datetime
import html
import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._progress import meter
from ..results import Result, write_atomically
from .tables import InputError

if TYPE_CHECKING:
    from .tables import Tables

__all__ = ["InputError", "Report", "demo", "from_files", "report"]

STEPS = (
    "read",
    "distance",
    "weights",
    "model",
    "performance",
    "Shapley values of the reference",
    "Shapley values of the target",
    "Sobol' indices",
    "document",
)
Progress = bool | Callable[[int, int, str], Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class Report:
    """What `report` found.

    Parameters
    ----------
    document : dict
        The page's content as plain values: inputs, verdicts, sections with charts and tables.
    results : dict of str to Result
        Every estimate, attribution and weight by name, e.g. ``results["kl_divergence"]``.

    Examples
    --------
    >>> import pondera as po
    >>> verdict = {"level": "good", "text": "Nothing moved.", "section": "distance"}
    >>> po.Report(document={"verdicts": [verdict]})
    [good] Nothing moved.
    """

    document: dict[str, Any]
    results: dict[str, Result] = field(default_factory=dict)

    @property
    def verdicts(self) -> list[dict[str, str]]:
        """The answers in plain language: ``{"level", "text", "section"}``, level good, note, warn or bad."""
        return list(self.document["verdicts"])

    def write_html(self, path: str | os.PathLike[str]) -> None:
        """One self-contained page below 3 MB without rows of the data. It appears whole or not at all.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        page = self._page().encode("utf-8", "replace")
        write_atomically(path, lambda file: file.write(page))

    def write_json(self, path: str | os.PathLike[str]) -> None:
        """The document and every number of `results`, with schema versions. It appears whole or not at all.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        data = {**self.document, "results": {name: value.to_dict() for name, value in self.results.items()}}
        text = json.dumps(data, allow_nan=False, indent=1)
        write_atomically(path, lambda file: file.write(text.encode("ascii")))

    def _page(self) -> str:
        from .render import render_html

        return render_html(self.document)

    def _repr_html_(self) -> str:
        """The page in a frame of its own, which may run the page's script and reach nothing of the notebook."""
        source = html.escape(self._page(), quote=True)
        return f'<iframe sandbox="allow-scripts" srcdoc="{source}" style="width:100%;height:80vh;border:0"></iframe>'

    def __repr__(self) -> str:
        return "\n".join(f"[{v['level']}] {v['text']}" for v in self.verdicts)


def report(
    reference: Any,
    target: Any,
    *,
    label: str | None = None,
    model: Any = None,
    task: str = "auto",
    rng: Any = 0,
    workers: int | None = None,
    progress: Progress = False,
) -> Report:
    """How far `target` is from `reference`, which rows and features matter, and what can be trusted.

    Parameters
    ----------
    reference, target : DataFrame, mapping of columns, array (n, d), or path
        Numeric, boolean, categorical (text) and date columns with missing values; columns are matched by name. At least
        20 rows each. Beyond 50,000 rows (fewer for very wide data) a random subsample is used, which the report states.
    label : str, optional
        Column to predict; the target may lack it.
    model : optional
        A fitted model that predicts the label (what `models.as_predict` takes, e.g. a scikit-learn Pipeline), or the
        path of an .onnx or .skops file. Default: HistGradientBoosting, cross-fitted on the reference; without a label
        the shift itself is explained.
    task : {"auto", "regression", "classification", "binary", "multiclass"}
        "auto": regression for a numeric label with more than ten values or fractions.
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Threads. No number depends on it.
    progress : bool or callable
        True for a tqdm bar, or ``progress(done, total, step)``.

    Returns
    -------
    Report
        With ``.verdicts``, ``.results``, ``.write_html(path)``, ``.write_json(path)``; it shows itself in notebooks.

    Raises
    ------
    InputError
        A ValueError of one line that names the input and the column.
    ImportError
        If pandas or scikit-learn is missing: ``pip install 'pondera[report]'``.

    Notes
    -----
    Divergences are D(target || reference).

    Examples
    --------
    >>> import numpy as np
    >>> import pondera as po
    >>> rng = np.random.default_rng(0)
    >>> old = {"a": rng.normal(size=200), "b": rng.normal(size=200)}
    >>> new = {"a": rng.normal(1, 1, size=200), "b": rng.normal(size=200)}
    >>> found = po.report(old, new)
    >>> found.verdicts[0]["level"], found.document["sections"][-2]["tables"][0]["rows"][0][1]
    ('warn', 'a')
    """
    _needs_pandas()
    paths = [data if isinstance(data, (str, os.PathLike)) else None for data in (reference, target)]
    short = [None if path is None else Path(path).name for path in paths]
    if short[0] == short[1]:  # the same name in two folders
        short = [None if path is None else os.fspath(path) for path in paths]
    names = (short[0] or "reference", short[1] or "target")
    return _make(
        reference,
        target,
        names=names,
        label=label,
        model=model,
        task=task,
        rng=rng,
        workers=workers,
        progress=progress,
        title=f"{names[1]} against {names[0]}",
    )


def from_files(
    reference: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    label: str | None = None,
    model: str | os.PathLike[str] | None = None,
    task: str = "auto",
    rng: Any = 0,
    workers: int | None = None,
    progress: Progress = False,
) -> Report:
    """`report` for files: CSV, TSV, Parquet or Feather; the model an .onnx or .skops file.

    Raises
    ------
    InputError
        If a file is missing, empty, of an unknown kind or damaged, and as in `report`.
    """
    return report(
        Path(reference),
        Path(target),
        label=label,
        model=None if model is None else Path(model),
        task=task,
        rng=rng,
        workers=workers,
        progress=progress,
    )


def demo(rng: Any = 0, workers: int | None = None, progress: Progress = False) -> Report:
    """`report` on scikit-learn's diabetes data: the younger half as reference, the older half as target.

    The label is the progression of the disease one year after. Age itself is left out: the halves do not overlap in it.
    """
    _needs_pandas()
    from sklearn.datasets import load_diabetes

    data = load_diabetes(as_frame=True, scaled=False).frame.rename(columns={"target": "progression"})
    order = data["age"].argsort(kind="stable").to_numpy()
    half = len(data) // 2
    data = data.drop(columns="age")
    return _make(
        data.iloc[order[:half]],
        data.iloc[order[half:]],
        names=("younger half", "older half"),
        label="progression",
        model=None,
        task="regression",
        rng=rng,
        workers=workers,
        progress=progress,
        title="Diabetes: the older half against the younger half",
    )


def _needs_pandas() -> None:
    try:
        import pandas  # noqa: F401
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError(f"reports need pandas and scikit-learn: pip install 'pondera[report]' ({error})") from None


def _make(
    reference: Any,
    target: Any,
    *,
    names: tuple[str, str],
    label: str | None,
    model: Any,
    task: str,
    rng: Any,
    workers: int | None,
    progress: Progress,
    title: str,
) -> Report:
    from .. import __version__, _workers
    from .. import random as po_random
    from .analysis import analyse
    from .document import build
    from .tables import prepare

    key = po_random.key(rng)
    model_name = None
    with _reporting(progress) as step, _workers.threads(_workers.resolve(workers)), warnings.catch_warnings():
        step("read")
        if isinstance(model, (str, os.PathLike)):
            model_name = Path(model).name
            model = _load(model)
        tables: Tables = prepare(
            _loaded(reference, "reference"), _loaded(target, "target"), label=label, task=task, key=key, names=names
        )
        analysis = analyse(tables, model=model, model_name=model_name, key=key, workers=workers, step=step)
        seed = rng if isinstance(rng, int) else f"key {key.k0:08x}{key.k1:08x}"
        document = build(
            analysis,
            title=title,
            version=__version__,
            created=datetime.datetime.now(datetime.UTC).date().isoformat(),
            seed=seed,
        )
    return Report(document=document, results=analysis.results)


def _loaded(data: Any, label: str) -> Any:
    from .tables import read

    return read(data, label) if isinstance(data, (str, os.PathLike)) else data


def _load(path: str | os.PathLike[str]) -> Any:
    from ..models import load_model

    try:
        return load_model(path)
    except (ValueError, OSError) as error:
        from .tables import shown

        raise InputError(f"model: {shown(str(error), 300)}") from None


@contextmanager
def _reporting(progress: Progress) -> Iterator[Callable[[str], None]]:
    """Called with each step's name as it begins."""
    with meter(progress) as show:
        yield lambda step: show(STEPS.index(step), len(STEPS), step)
        show(len(STEPS), len(STEPS), "done")
