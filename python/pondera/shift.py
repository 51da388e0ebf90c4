"""Density ratios for covariate shift: weights that make source rows stand for the target.

``w(x) = p_target(x) / p_source(x)``. A probabilistic classifier told to separate the two samples knows it: with n_s
source and n_t target rows, ``log w(x) = log P(target | x) - log P(source | x) + log(n_s / n_t)`` (Bickel, Brueckner and
Scheffer, 2009). Every row's weight comes from a classifier that did not see that row; in-sample scores would make the
two samples look farther apart than they are.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._workers import resolve
from .arrays import as_float
from .random import Key, Purpose
from .random import key as as_key
from .results import Estimate, Interval, WeightWarning
from .weights import Weights

__all__ = ["ClassifierRatio", "density_ratio"]

Floats = NDArray[np.float64]
T = TypeVar("T")

_inside = threading.local()
_MIN_ROWS = 10
_CALIBRATIONS = (None, "sigmoid", "isotonic")


class ClassifierRatio:
    """Density ratio by a cross-fitted classifier between source and target rows.

    A plain class with ``fit``, not a scikit-learn estimator. scikit-learn is imported when it is fitted.

    Parameters
    ----------
    classifier : {"logistic", "boosting"} or estimator, optional
        "logistic" (default): L2-penalised logistic regression (C = 1) on the standardised features and their squares.
        "boosting": scikit-learn's HistGradientBoostingClassifier with small trees. Or any scikit-learn classifier with
        ``predict_proba`` or ``decision_function``; it is cloned, and sees standardised features.
    cv : int
        Folds, at least 2.
    calibration : {None, "sigmoid", "isotonic"}
        How scores become odds: as they are, or by a monotone map fitted to the out-of-fold scores of the other folds.
    clip : (float, float), optional
        Bounds of the weights after they are scaled to mean 1.
    rng : None, int, Generator, SeedSequence or Key
        Draws the folds, and the classifier's own seed.
    workers : int, optional
        Folds fitted at the same time. The result does not depend on it.

    Attributes
    ----------
    auc_ : Estimate
        Out-of-fold area under the ROC curve, averaged over the folds: 0.5 no shift, above 0.99 no overlap.
    log_loss_ : Estimate
        Out-of-fold log loss of the (calibrated) odds, in nats.
    kept_ : ndarray of bool, shape (d,)
        Features that are not constant.

    Examples
    --------
    >>> import numpy as np
    >>> import pondera as po
    >>> rng = np.random.default_rng(0)
    >>> source, target = rng.normal(size=(500, 1)), rng.normal(0.5, 1, size=(500, 1))
    >>> ratio = po.ClassifierRatio(rng=0).fit(source, target)
    >>> bool(ratio.log_ratio([[1.0]])[0] > ratio.log_ratio([[-1.0]])[0])
    True
    """

    def __init__(
        self,
        classifier: Any = None,
        *,
        cv: int = 5,
        calibration: str | None = None,
        clip: tuple[float, float] | None = None,
        rng: Any = None,
        workers: int | None = None,
    ) -> None:
        self.classifier = classifier
        self.cv = cv
        self.calibration = calibration
        self.clip = clip
        self.rng = rng
        self.workers = workers

    def fit(self, X_source: ArrayLike, X_target: ArrayLike, *, rng: Any = None) -> ClassifierRatio:
        """Fit one classifier a fold.

        Parameters
        ----------
        X_source : array_like, shape (n_s, d)
        X_target : array_like, shape (n_t, d)
            float32 or float64, finite, at least 10 rows each.
        rng
            Replaces the constructor's.

        Returns
        -------
        ClassifierRatio
            Itself.

        Raises
        ------
        ValueError
            For different numbers of columns, NaN or infinities, too few rows, or constant data.
        TypeError
            For a classifier without ``predict_proba`` and ``decision_function``.

        Notes
        -----
        `cv` fits on ``(1 - 1/cv) (n_s + n_t)`` rows.
        """
        source, target = _two_samples(X_source, X_target)
        self._check_options(min(len(source), len(target)))
        key = as_key(self.rng if rng is None else rng)

        pooled = np.concatenate([source, target])
        low, high = pooled.min(axis=0), pooled.max(axis=0)
        # Halved before they are added: the sum of two huge numbers may overflow.
        self._center = low / 2 + high / 2
        shifted = pooled - self._center
        mean, sd = shifted.mean(axis=0), shifted.std(axis=0)
        self.kept_ = high > low
        if not self.kept_.any():
            raise ValueError("X_source, X_target: every feature is constant; there is nothing to compare")
        if not self.kept_.all():
            constant = np.flatnonzero(~self.kept_).tolist()
            warnings.warn(f"X_source, X_target: constant feature(s) {constant} left out", UserWarning, stacklevel=2)
        self._mean, self._scale = mean, np.where(sd > 0, sd, 1.0)

        n_s, n_t = len(source), len(target)
        Z = self._standardized(pooled)
        is_target = np.arange(n_s + n_t) >= n_s
        fold = np.concatenate([_folds(key, "source", n_s, self.cv), _folds(key, "target", n_t, self.cv)])
        template, expand, name = _template(self.classifier, Z.shape[1], key)
        self._expand, self.name_ = expand, name

        def fit_one(f: int) -> tuple[Callable[[Floats], Floats], Floats]:
            train, held = fold != f, fold == f
            model = _clone(template).fit(expand(Z[train]), is_target[train].astype(np.int64))
            score = _scorer(model, expand(Z[held][:64]), self.calibration)
            prior = math.log((train & ~is_target).sum() / (train & is_target).sum())
            return (lambda rows: score(expand(rows)) + prior), score(expand(Z[held])) + prior

        fitted = in_threads([lambda f=f: fit_one(f) for f in range(self.cv)], self.workers)  # type: ignore[misc]
        self._models = [model for model, _ in fitted]
        scores = np.empty(n_s + n_t)
        for f, (_, held_scores) in enumerate(fitted):
            scores[fold == f] = held_scores

        self.auc_ = _fold_auc(scores, is_target, fold, self.cv)
        log_prior = math.log(n_s / n_t)
        self._calibrate = _calibrator(self.calibration, scores, is_target, log_prior)
        log_ratio = scores
        if self.calibration is not None:
            log_ratio = np.empty_like(scores)
            for f in range(self.cv):
                others = fold != f
                log_ratio[~others] = _calibrator(self.calibration, scores[others], is_target[others], log_prior)(
                    scores[~others]
                )
        margin = np.where(is_target, 1.0, -1.0) * (log_ratio - log_prior)
        losses = np.logaddexp(0.0, -margin)
        self.log_loss_ = Estimate(
            value=float(losses.mean()),
            stderr=float(losses.std(ddof=1) / math.sqrt(len(losses))),
            n=len(losses),
        )
        self._log_ratio_source, self._log_ratio_target = log_ratio[:n_s], log_ratio[n_s:]
        return self

    def log_ratio(self, X: ArrayLike) -> Floats:
        """log(p_target / p_source) at rows that need not be those of `fit`: the mean over the folds' classifiers.

        Parameters
        ----------
        X : array_like, shape (n, d)

        Returns
        -------
        ndarray, shape (n,)
        """
        self._need_fit()
        rows = as_float(X, "X", ndim=2, finite=True).astype(np.float64)
        if rows.shape[1] != len(self.kept_):
            raise ValueError(f"X: expected {len(self.kept_)} columns as in fit, received {rows.shape[1]}")
        if not len(rows):
            return np.empty(0)
        Z = self._standardized(rows)
        scores = in_threads([lambda m=m: m(Z) for m in self._models], self.workers)  # type: ignore[misc]
        return self._calibrate(np.mean(scores, axis=0))

    def target_log_ratio(self) -> Floats:
        """Out-of-fold log-ratios of the fitted target rows, ``(n_t,)``."""
        self._need_fit()
        return np.array(self._log_ratio_target)

    def weights(self, X: ArrayLike | None = None) -> Weights:
        """Weights of the fitted source rows (out of fold), or of the rows `X`.

        Returns
        -------
        Weights
            diagnostics: `ess`, `pareto_k`, `max_share` (largest normalised weight), `n_clipped`, `auc`, `classifier`,
            `calibration`, `cv`.

        Warns
        -----
        WeightWarning
            If the effective sample size is below 10 or 2% of the rows, Pareto k above 0.7, or the AUC above 0.99.
        """
        self._need_fit()
        log_weights = np.array(self._log_ratio_source) if X is None else self.log_ratio(X)
        if not len(log_weights):
            raise ValueError("X: expected at least one row, received none")
        clipped = 0
        if self.clip is not None:
            log_weights, clipped = _clipped(log_weights, self.clip)
        bare = Weights(log_weights)
        diagnostics = {
            "ess": bare.ess,
            "pareto_k": bare.pareto_k,
            "max_share": float(bare.normalized.max()),
            "n_clipped": clipped,
            "auc": self.auc_,
            "classifier": self.name_,
            "calibration": self.calibration,
            "cv": self.cv,
        }
        _warn(diagnostics, len(log_weights))
        return Weights(log_weights, diagnostics=diagnostics)

    def _standardized(self, rows: Floats) -> Floats:
        Z = (rows - self._center - self._mean) / self._scale
        return np.ascontiguousarray(Z[:, self.kept_])

    def _need_fit(self) -> None:
        if not hasattr(self, "_models"):
            raise ValueError("ClassifierRatio: call fit(X_source, X_target) first")

    def _check_options(self, smallest: int) -> None:
        if isinstance(self.cv, bool) or not isinstance(self.cv, (int, np.integer)):
            raise TypeError(f"cv: expected a number of folds, received {self.cv!r}")
        if not 2 <= self.cv <= smallest:
            raise ValueError(f"cv: expected 2 to {smallest} folds (the rows of the smaller sample), received {self.cv}")
        if self.calibration not in _CALIBRATIONS:
            raise ValueError(f"calibration: expected None, 'sigmoid' or 'isotonic', received {self.calibration!r}")
        if self.clip is not None:
            low, high = self.clip
            if not 0 <= low <= high or not high > 0:
                raise ValueError(f"clip: expected 0 <= low <= high, high > 0, received {self.clip}")


def density_ratio(
    X_source: ArrayLike,
    X_target: ArrayLike,
    *,
    method: str = "classifier",
    classifier: Any = None,
    cv: int = 5,
    calibration: str | None = None,
    clip: tuple[float, float] | None = None,
    rng: Any = None,
    workers: int | None = None,
) -> Weights:
    """Weights that make the source rows stand for the target: ``p_target(x) / p_source(x)`` at each of them.

    Parameters
    ----------
    X_source : array_like, shape (n_s, d)
        float32 or float64, finite, at least 10 rows.
    X_target : array_like, shape (n_t, d)
    method : {"classifier"}
        "classifier": the odds of a cross-fitted classifier; see `ClassifierRatio`, whose options follow.
    classifier : {"logistic", "boosting"} or estimator, optional
    cv : int
        Folds.
    calibration : {None, "sigmoid", "isotonic"}
    clip : (float, float), optional
        Bounds of the weights after they are scaled to mean 1.
    rng : None, int, Generator, SeedSequence or Key
    workers : int, optional
        Folds fitted at the same time. The result does not depend on it.

    Returns
    -------
    Weights
        Of the source rows, unnormalised: their mean estimates 1. ``w.mean(losses)`` is the expected loss on the target,
        with its standard error given the weights; the error of the weights themselves is not in it.

    Raises
    ------
    ValueError
        For different numbers of columns, NaN or infinities, fewer than 10 rows, constant data, or bad options.
    TypeError
        For a classifier without ``predict_proba`` and ``decision_function``.
    ImportError
        If scikit-learn is missing.

    Warns
    -----
    WeightWarning
        If the weights are too uneven to be trusted, or the two samples hardly overlap.

    Notes
    -----
    Bickel, Brueckner and Scheffer (2009), "Discriminative learning under covariate shift". `cv` classifier fits.

    Examples
    --------
    >>> import numpy as np
    >>> import pondera as po
    >>> rng = np.random.default_rng(0)
    >>> source, target = rng.normal(size=(1000, 2)), rng.normal(0.5, 1, size=(1000, 2))
    >>> w = po.density_ratio(source, target, rng=0)
    >>> round(w.mean(source[:, 0]).value, 1)  # the target's mean is 0.5
    0.5
    """
    if method != "classifier":
        raise ValueError(f"method: expected 'classifier', received {method!r}")
    ratio = ClassifierRatio(classifier, cv=cv, calibration=calibration, clip=clip, rng=rng, workers=workers)
    return ratio.fit(X_source, X_target).weights()


def in_threads(tasks: Sequence[Callable[[], T]], workers: int | None) -> list[T]:
    """Run scikit-learn's work side by side, each task with one OpenMP thread: its bits do not depend on their number.

    The limit is set inside our own threads: OpenMP keeps it for each calling thread, the caller's setting stays. Tasks
    of tasks run in their thread. (One thread each is also the faster way on a busy machine, where teams wait for their
    slowest member.)
    """
    if getattr(_inside, "limited", False):
        return [task() for task in tasks]
    from threadpoolctl import threadpool_limits

    def one(task: Callable[[], T]) -> T:
        with threadpool_limits(limits=1, user_api="openmp"):
            _inside.limited = True
            return task()

    with ThreadPoolExecutor(max_workers=max(1, min(resolve(workers), len(tasks)))) as pool:
        return list(pool.map(one, tasks))


def _two_samples(X_source: Any, X_target: Any) -> tuple[Floats, Floats]:
    samples = []
    for X, name in ((X_source, "X_source"), (X_target, "X_target")):
        rows = as_float(X, name, ndim=2, finite=True).astype(np.float64)
        if len(rows) < _MIN_ROWS:
            raise ValueError(f"{name}: expected at least {_MIN_ROWS} rows, received {len(rows)}")
        if rows.shape[1] == 0:
            raise ValueError(f"{name}: expected at least one column, received none")
        samples.append(rows)
    source, target = samples
    if source.shape[1] != target.shape[1]:
        raise ValueError(f"X_target: expected {source.shape[1]} columns as in X_source, received {target.shape[1]}")
    return source, target


def _folds(key: Key, name: str, n: int, cv: int) -> NDArray[np.int64]:
    """Fold of every row: balanced within each sample."""
    return np.asarray(key.fold_in(name).stream(Purpose.FOLDS).permutation(n) % cv)


def _with_squares(Z: Floats) -> Floats:
    return np.hstack([Z, Z * Z])


def _template(classifier: Any, d: int, key: Key) -> tuple[Any, Callable[[Floats], Floats], str]:
    """An unfitted classifier, what its features are, and its name."""
    try:
        from sklearn.base import is_classifier
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise ImportError("density ratios need scikit-learn: pip install 'pondera[report]'") from None

    if classifier is None or (isinstance(classifier, str) and classifier == "logistic"):
        # Newton's method ends at the optimum itself; its Hessian is dense, so wide data take the quasi-Newton way.
        solver = "newton-cholesky" if d <= 100 else "lbfgs"
        return LogisticRegression(C=1.0, solver=solver, tol=1e-8, max_iter=1000), _with_squares, "logistic"
    if isinstance(classifier, str):
        if classifier != "boosting":
            raise ValueError(f"classifier: expected 'logistic', 'boosting' or an estimator, received {classifier!r}")
        boosting = HistGradientBoostingClassifier(
            max_iter=100, max_leaf_nodes=8, min_samples_leaf=20, early_stopping=False, random_state=key.k0
        )
        return boosting, lambda Z: Z, "boosting"
    if not hasattr(classifier, "predict_proba") and not hasattr(classifier, "decision_function"):
        raise TypeError(
            f"classifier: {type(classifier).__name__} has neither predict_proba nor decision_function; "
            "expected a scikit-learn classifier"
        )
    if not is_classifier(classifier) and not hasattr(classifier, "fit"):
        raise TypeError(f"classifier: expected an estimator with fit, received {type(classifier).__name__}")
    return classifier, lambda Z: Z, type(classifier).__name__


def _clone(template: Any) -> Any:
    from sklearn.base import clone

    return clone(template)


def _scorer(model: Any, probe: Floats, calibration: str | None) -> Callable[[Floats], Floats]:
    """log P(target | x) - log P(source | x): the decision function if it is a logit, else from probabilities.

    The logarithm of a saturated probability would be -inf long before the logit is.
    """
    if not hasattr(model, "predict_proba"):
        if calibration is None:
            raise ValueError(
                f"calibration: {type(model).__name__} gives no probabilities; choose 'sigmoid' or 'isotonic'"
            )
        return lambda rows: np.asarray(model.decision_function(rows), dtype=np.float64)

    def from_probability(rows: Floats) -> Floats:
        p = np.clip(np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64), 1e-12, 1 - 1e-12)
        return np.asarray(np.log(p) - np.log1p(-p))

    if hasattr(model, "decision_function"):
        logit = np.clip(np.asarray(model.decision_function(probe), dtype=np.float64), -700, 700)
        if np.allclose(1 / (1 + np.exp(-logit)), model.predict_proba(probe)[:, 1], rtol=0, atol=1e-6):
            return lambda rows: np.asarray(model.decision_function(rows), dtype=np.float64)
    return from_probability


def _calibrator(
    method: str | None, scores: Floats, is_target: NDArray[np.bool_], log_prior: float
) -> Callable[[Floats], Floats]:
    """The map from scores (log-ratios) to calibrated log-ratios."""
    if method is None:
        return lambda s: s
    n = len(scores)
    prior = math.log(max(n - is_target.sum(), 1) / max(is_target.sum(), 1))
    if method == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        fit = IsotonicRegression(out_of_bounds="clip").fit(scores, is_target.astype(np.float64))
        # A step is worth what its rows can say: one more row at the base rate keeps pure steps from infinite odds.
        steps, of_row, rows = np.unique(fit.predict(scores), return_inverse=True, return_counts=True)
        hits = np.bincount(of_row, weights=is_target, minlength=len(steps))
        smoothed = np.maximum.accumulate((hits + is_target.mean()) / (rows + 1))

        def isotonic(s: Floats) -> Floats:
            p = np.interp(fit.predict(s), steps, smoothed)
            return np.asarray(np.log(p) - np.log1p(-p) + prior)

        return isotonic
    slope, intercept = _sigmoid(scores, is_target)
    return lambda s: slope * s + (intercept + prior)


def _sigmoid(scores: Floats, is_target: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope >= 0 and intercept of the log-odds of target on the score (Platt, 1999, with his smoothed targets)."""
    positives, negatives = int(is_target.sum()), int((~is_target).sum())
    y = np.where(is_target, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    scale = max(float(np.abs(scores).max()), 1e-300)
    s = scores / scale

    def loss(a: float, b: float) -> float:
        eta = a * s + b
        return float((np.logaddexp(0.0, eta) - y * eta).sum())

    a, b = 0.0, math.log((positives + 1) / (negatives + 1))
    best = loss(a, b)
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(a * s + b, -700, 700)))
        w = p * (1 - p)
        ga, gb = float((s * (p - y)).sum()), float((p - y).sum())
        haa, hab, hbb = float((w * s * s).sum()) + 1e-10, float((w * s).sum()), float(w.sum()) + 1e-10
        det = haa * hbb - hab * hab
        if det <= 0:
            break
        da, db = (hbb * ga - hab * gb) / det, (haa * gb - hab * ga) / det
        step = 1.0
        while step > 1e-10 and loss(a - step * da, b - step * db) > best:
            step /= 2
        a, b = a - step * da, b - step * db
        now = loss(a, b)
        if best - now <= 1e-12 * abs(best):
            break
        best = now
    if a < 0:  # out-of-fold scores of equal samples are slightly anti-correlated: such scores say nothing
        return 0.0, math.log(positives / negatives)
    return a / scale, b


def _fold_auc(scores: Floats, is_target: NDArray[np.bool_], fold: NDArray[np.int64], cv: int) -> Estimate:
    """Mean of the folds' AUC (scores of different folds are not comparable) with a standard error that covers.

    DeLong's variance takes the folds for independent, but each pair of folds counts twice: f judges what g taught and g
    what f taught. Without a shift that doubles the variance of the mean; with one the doubled figure is too careful.
    """
    parts = [auc(scores[(fold == f) & is_target], scores[(fold == f) & ~is_target]) for f in range(cv)]
    value = float(np.mean([p.value for p in parts]))
    stderr = math.sqrt(2 * sum(p.stderr**2 for p in parts)) / cv
    half = 1.959963984540054 * stderr
    return Estimate(
        value=value,
        stderr=stderr,
        n=len(scores),
        interval=Interval(max(0.0, value - half), min(1.0, value + half)),
        level=0.95,
    )


def auc(positive: Floats, negative: Floats) -> Estimate:
    """P(positive > negative) + P(equal)/2 with the standard error of DeLong et al. (1988), by midranks."""
    from scipy.stats import rankdata

    m, n = len(positive), len(negative)
    both = rankdata(np.concatenate([positive, negative]))
    v10 = (both[:m] - rankdata(positive)) / n
    v01 = 1 - (both[m:] - rankdata(negative)) / m
    value = float(v10.mean())
    variance = (v10.var(ddof=1) / m if m > 1 else 0.0) + (v01.var(ddof=1) / n if n > 1 else 0.0)
    # Perfect separation has no variance in the sample; half a row of the smaller class is what it cannot exclude.
    return Estimate(value=value, stderr=max(math.sqrt(variance), 0.5 / (min(m, n) * math.sqrt(m + n))), n=m + n)


def _clipped(log_weights: Floats, clip: tuple[float, float]) -> tuple[Floats, int]:
    relative = Weights(log_weights).relative
    bounded = np.clip(relative, clip[0], clip[1])
    with np.errstate(divide="ignore"):
        return np.log(bounded), int((bounded != relative).sum())


def _warn(diagnostics: dict[str, Any], n: int) -> None:
    ess, k, separation = diagnostics["ess"], diagnostics["pareto_k"], diagnostics["auc"].value
    reasons = []
    if ess < max(10.0, 0.02 * n):
        reasons.append(f"effective sample size {ess:.1f} of {n}")
    if k > 0.7:
        reasons.append(f"Pareto k = {k:.2f}")
    if separation > 0.99:
        reasons.append(f"the samples hardly overlap (AUC {separation:.3f})")
    if reasons:
        diagnostics["unreliable"] = True
        warnings.warn(f"density ratio: {'; '.join(reasons)}; do not trust weighted means", WeightWarning, stacklevel=3)
