"""The model whose performance and features the report speaks of: the user's, or one cross-fitted on the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..random import Key, Purpose
from ..shift import in_threads
from .tables import InputError, Tables, shown

__all__ = ["LOSSES", "Fitted", "fit_model", "wrap_model"]

Floats = NDArray[np.float64]

FOLDS = 5
FIT_CELLS = 1_000_000  # rows x features x classes that a fit may see
MAX_CATEGORY = 254  # scikit-learn's histograms have 255 bins
LOSSES = {"regression": ("absolute error", "squared error"), "classification": ("log loss", "error rate")}
_SMALLEST = 1e-12  # probability in a log loss


@dataclass(frozen=True, eq=False, kw_only=True)
class Fitted:
    """`predict` maps coded rows of all features to ``(rows,)`` or ``(rows, outputs)``.

    `losses_reference` and `losses_target` hold one loss a row by the loss's name; NaN where the label is missing. Those
    of the reference come from models that did not see the row, if the model is ours.
    """

    name: str
    own: bool
    features: tuple[int, ...]
    predict: Callable[[Floats], Floats]
    outputs: tuple[str, ...] = ()
    losses_reference: dict[str, Floats] = field(default_factory=dict)
    losses_target: dict[str, Floats] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


# -- our own


def fit_model(tables: Tables, key: Key, workers: int | None) -> Fitted:
    """scikit-learn's HistGradientBoosting on the reference: one model a fold for losses, one on all rows to explain."""
    y = tables.reference.y
    assert y is not None
    X = _bounded(tables, tables.reference.codes)
    labelled = np.flatnonzero(~np.isnan(y))
    if len(labelled) < 4 * FOLDS:
        raise InputError(
            f"{tables.reference.name}: {len(labelled)} rows with a label, {4 * FOLDS} are needed to fit a model"
        )
    fold = np.full(len(y), -1)
    fold[labelled] = key.fold_in("model").stream(Purpose.FOLDS).permutation(len(labelled)) % FOLDS
    most = int(FIT_CELLS / (X.shape[1] * max(1, len(tables.classes) if tables.task == "multiclass" else 1)))
    notes = []
    if len(labelled) * (FOLDS - 1) / FOLDS > most:
        notes.append(f"Each model is fitted on {most:,} rows drawn at random; losses are computed on all rows used.")

    def fit_one(f: int) -> Callable[[Floats], Floats]:
        rows = labelled if f < 0 else labelled[fold[labelled] != f]
        if len(rows) > most:
            rows = rows[np.sort(key.fold_in("fit", f).stream(Purpose.PERMUTATION).permutation(len(rows))[:most])]
        return _fit(tables, X[rows], y[rows], key.k0)

    models = in_threads([partial(fit_one, f) for f in (*range(FOLDS), -1)], workers)
    folds, whole = models[:-1], models[-1]

    def held_out(f: int) -> tuple[NDArray[np.int64], dict[str, Floats]]:
        rows = np.flatnonzero(fold == f)
        return rows, row_losses(tables.task, folds[f](X[rows]), y[rows])

    names = LOSSES["regression" if tables.task == "regression" else "classification"]
    losses = {name: np.full(len(y), np.nan) for name in names}
    for rows, part in in_threads([partial(held_out, f) for f in range(FOLDS)], workers):
        for name, values in part.items():
            losses[name][rows] = values

    measured: dict[str, Floats] = {}
    if tables.target.y is not None:
        # The target's loss is the mean over the same models, so that both sides speak of models of the same age.
        T, labels = _bounded(tables, tables.target.codes), tables.target.y
        parts = in_threads([partial(lambda m: row_losses(tables.task, m(T), labels), m) for m in folds], workers)
        measured = {name: np.mean([p[name] for p in parts], axis=0) for name in names}

    def predict(codes: Floats) -> Floats:
        out = whole(_bounded(tables, codes))
        return out[:, 1] if tables.task == "binary" else out

    return Fitted(
        name=f"HistGradientBoosting, cross-fitted in {FOLDS} folds on the reference",
        own=True,
        features=tuple(range(len(tables.columns))),
        predict=predict,
        outputs=_output_names(tables),
        losses_reference=losses,
        losses_target=measured,
        notes=tuple(notes),
    )


def _bounded(tables: Tables, codes: Floats) -> Floats:
    """Rare levels beyond what histograms hold count as one."""
    wide = [j for j, c in enumerate(tables.columns) if len(c.levels) > MAX_CATEGORY]
    if not wide:
        return codes
    out = codes.copy()
    out[:, wide] = np.minimum(out[:, wide], MAX_CATEGORY)
    return out


def _fit(tables: Tables, X: Floats, y: Floats, seed: int) -> Callable[[Floats], Floats]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    n = len(X)
    categorical = np.array([c.kind == "categorical" for c in tables.columns])
    options: dict[str, Any] = {
        "random_state": seed,
        "categorical_features": categorical if categorical.any() else None,
        "max_iter": 100,
        "early_stopping": n > 10_000,
    }
    if n < 2_000:  # few rows: small steps and small trees
        options.update(learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=10)
    if tables.task == "regression":
        regressor = HistGradientBoostingRegressor(**options).fit(X, y)
        return lambda rows: np.asarray(regressor.predict(rows), dtype=np.float64)
    present = np.unique(y).astype(np.int64)
    if len(present) == 1:  # a fold without a second class
        return lambda rows: np.eye(len(tables.classes))[np.full(len(rows), present[0])]
    classifier = HistGradientBoostingClassifier(**options).fit(X, y.astype(np.int64))

    def probabilities(rows: Floats) -> Floats:
        out = np.zeros((len(rows), len(tables.classes)))
        out[:, present] = classifier.predict_proba(rows)
        return out

    return probabilities


def row_losses(task: str, predicted: Floats, y: Floats) -> dict[str, Floats]:
    """One loss a row; NaN where the label is. Code -1 is a class that the model cannot know."""
    missing = np.isnan(y)
    if task == "regression":
        error = predicted - y
        return {"absolute error": np.abs(error), "squared error": error * error}
    code = np.where(missing, 0, y).astype(np.int64)
    true = np.where(code >= 0, predicted[np.arange(len(y)), np.maximum(code, 0)], 0.0)
    log_loss = -np.log(np.maximum(true, _SMALLEST))
    wrong = (predicted.argmax(axis=1) != code).astype(np.float64)
    return {"log loss": np.where(missing, np.nan, log_loss), "error rate": np.where(missing, np.nan, wrong)}


def _output_names(tables: Tables) -> tuple[str, ...]:
    if tables.task == "regression":
        return (f"predicted {tables.label}",)
    if tables.task == "binary":
        return (f"P({tables.label} = {tables.classes[1]})",)
    return tuple(f"P({tables.label} = {c})" for c in tables.classes)


# -- the user's


def wrap_model(tables: Tables, model: Any, name: str) -> Fitted:
    """The user's model on coded rows: it is called with the columns, names and types that it was fitted with.

    Raises
    ------
    InputError
        If it wants columns that the data lack, fails on the reference, or answers another question than the label asks.
    """
    from ..models import as_predict

    try:
        ask = as_predict(model)
    except (TypeError, ValueError) as error:
        raise InputError(f"model: {shown(name)}: {error}") from None
    features = _model_features(tables, model, ask, name)
    as_numbers = tables.unnamed or (not ask.feature_names and hasattr(model, "predict"))

    def call(codes: Floats) -> Floats:
        frame = tables.frame(codes[:, list(features)], features)
        try:
            return np.asarray(ask(frame.to_numpy() if as_numbers else frame), dtype=np.float64)
        except Exception as error:  # a foreign model fails in foreign ways
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"model: {shown(name)} fails on rows of these data: {shown(reason, 200)}") from error

    first = call(tables.reference.codes[:20])
    outputs = _output_names(tables) if tables.task != "none" else ()
    notes: list[str] = []
    if tables.task == "regression":
        if ask.is_classifier:
            raise InputError(f"model: {shown(name)} is a classifier, the label {shown(tables.label)!r} is a number")
        if first.ndim == 2 and first.shape[1] != 1:
            raise InputError(
                f"model: {shown(name)} gives {first.shape[1]} numbers a row, the label {shown(tables.label)!r} is one"
            )

        def answer(codes: Floats) -> Floats:
            return call(codes).reshape(len(codes))

    elif tables.task == "none":
        answer = call
        outputs = ask.output_names(first.shape[1]) if first.ndim == 2 else ("prediction",)
    else:
        answer = partial(_probabilities, call, _class_order(tables, ask, first, name, notes), len(tables.classes))
        answer(tables.reference.codes[:20])

    losses: list[dict[str, Floats]] = [{}, {}]
    if tables.task != "none":
        for i, sample in enumerate((tables.reference, tables.target)):
            if sample.y is not None:
                losses[i] = row_losses(tables.task, answer(sample.codes), sample.y)
        notes.append(
            f"{name} was not fitted here. If it was trained on rows of {tables.reference.name}, its loss there is too "
            "small, and so is what weighting makes of it."
        )

    def predict(codes: Floats) -> Floats:
        out = answer(codes)
        return out[:, 1] if tables.task == "binary" else out

    return Fitted(
        name=name,
        own=False,
        features=features,
        predict=predict,
        outputs=outputs,
        losses_reference=losses[0],
        losses_target=losses[1],
        notes=tuple(notes),
    )


def _model_features(tables: Tables, model: Any, ask: Any, name: str) -> tuple[int, ...]:
    names = list(tables.names)
    if ask.feature_names:
        missing = [shown(f) for f in ask.feature_names if f not in names]
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise InputError(f"model: {shown(name)} wants columns that the data lack: {', '.join(missing[:5])}{more}")
        return tuple(names.index(f) for f in ask.feature_names)
    wanted = getattr(model, "n_features_in_", None)
    if wanted is not None and wanted != len(names):
        raise InputError(f"model: {shown(name)} wants {wanted} columns, the data have {len(names)} in common")
    return tuple(range(len(names)))


def _class_order(tables: Tables, ask: Any, first: Floats, name: str, notes: list[str]) -> list[int] | None:
    """Positions of the label's classes among the model's outputs; None: one number, the probability of the second."""
    K = len(tables.classes)
    if first.ndim == 1 or first.shape[1] == 1:
        if K != 2 or ask.response == "decision_function" or first.min() < 0 or first.max() > 1:
            raise InputError(
                f"model: {shown(name)} gives no probabilities for the {K} classes of {shown(tables.label)!r}"
            )
        return None
    if ask.class_names:
        where = {c: i for i, c in enumerate(ask.class_names)}
        lacking = [shown(c) for c in map(str, tables.classes) if c not in where]
        if len(lacking) == K:
            raise InputError(f"model: {shown(name)} knows none of the classes of {shown(tables.label)!r}")
        if lacking:
            notes.append(f"{name} does not know the class(es) {', '.join(lacking[:10])}; their rows count as errors.")
        return [where.get(str(c), -1) for c in tables.classes]
    if first.shape[1] != K:
        raise InputError(
            f"model: {shown(name)} gives {first.shape[1]} numbers a row for {K} classes of {shown(tables.label)!r}"
        )
    notes.append(f"{name} does not name its classes; its outputs are taken in sorted order of the label.")
    return list(range(K))


def _probabilities(call: Callable[[Floats], Floats], order: list[int] | None, K: int, codes: Floats) -> Floats:
    """Probabilities with the label's classes first; a class that the model lacks has probability 0."""
    out = call(codes)
    if order is None:
        p = out.reshape(len(codes))
        return np.column_stack([1 - p, p])
    known = np.column_stack([out, np.zeros(len(out))])
    others = [i for i in range(out.shape[1]) if i not in order]
    return np.ascontiguousarray(known[:, [*(i if i >= 0 else out.shape[1] for i in order), *others]])
