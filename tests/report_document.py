"""Documents of reports for the tests: a realistic one with every kind of chart, and a hostile one."""

from __future__ import annotations

import math

import numpy as np

HOSTILE = (
    "</script><script>window.pwn=1</script>",
    '"><img src=x onerror=window.pwn=1>',
    "'><svg onload=window.pwn=1>",
    '<a href="javascript:window.pwn=1">click</a>',
    "<iframe src=file:///etc/passwd></iframe>",
    "</style><style>body{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- --!> <![CDATA[",
    "line\u2028separator\u2029paragraph",
    "right\u202eto left",
    "null\x00 escape\x1b[31m \ud800 bom\ufeff",
    "long " * 2000,
)


def report_document(n_features: int = 30) -> dict:
    """What `pondera report` writes for `n_features` columns; the numbers are invented, the shape is not."""
    rng = np.random.default_rng(7)
    named = ["age", "bmi", "bp", "glucose", "ldl", "hdl", "tch", "ltg", "sex", "income"]
    names = [*named, *(f"feature_{i:02d}" for i in range(10, n_features))][:n_features]
    shift = np.sort(rng.gamma(0.6, 0.25, n_features))[::-1]
    error = 0.03 + 0.12 * shift
    p = np.clip(np.exp(-9 * shift) * rng.uniform(0.2, 1, n_features), 1e-5, 1)
    shapley = np.sort(rng.gamma(0.5, 9, n_features))[::-1]
    total = np.sort(rng.beta(0.5, 6, n_features))[::-1]
    first = total * rng.uniform(0.5, 0.95, n_features)
    edges = np.linspace(-3, 3, 25)
    reference, target = rng.normal(0, 1, 4000), rng.normal(0.6, 0.8, 4000)
    grid = np.linspace(0, 1, 101)
    curve = 41 + 22 * grid**2
    half = 2.5 + 6 * grid**3
    divergence: list = shift.tolist()
    divergence[-1] = math.nan
    return {
        "schema_version": 1,
        "pondera": "0.1.0",
        "title": "diabetes: younger half against older half",
        "created": "2026-11-25T09:41:07+00:00",
        "inputs": {
            "reference": {
                "name": "diabetes, age below the median",
                "rows": 100_000,
                "columns": n_features,
                "used_rows": 20_000,
            },
            "target": {
                "name": "diabetes, age above the median",
                "rows": 98_214,
                "columns": n_features,
                "used_rows": 20_000,
            },
            "label": "disease progression",
            "task": "regression",
            "model": "HistGradientBoostingRegressor, 5-fold cross-fitted",
            "seed": 0,
        },
        "verdicts": [
            {
                "level": "bad",
                "text": "The target has moved: 0.84 ± 0.06 nats from the reference, in 7 of 30 features.",
                "section": "distance",
            },
            {
                "level": "warn",
                "text": "Only 112 of 20,000 reference rows stand for the target (Pareto k 0.81). Figures are rough.",
                "section": "weights",
            },
            {
                "level": "note",
                "text": "Expected error on the target 58.1 (54.9 to 61.3); measured 59.4, inside the interval.",
                "section": "performance",
            },
            {
                "level": "good",
                "text": "The ranking of features is stable: bmi, ltg and bp stay on top under resampling.",
                "section": "features",
            },
        ],
        "sections": [
            {
                "id": "distance",
                "title": "How far the samples are",
                "lead": (
                    "Divergences from reference to target in nats, with standard errors from a jackknife "
                    "and permutation p-values corrected for 30 features."
                ),
                "level": "bad",
                "notes": [
                    "D(target || reference): zero means that no rows could tell the samples apart.",
                    "The marginal divergences need not add up to the joint one.",
                ],
                "charts": [
                    {
                        "id": "marginal",
                        "kind": "bar",
                        "title": "Divergence of each feature",
                        "x_label": "nats",
                        "y_label": "",
                        "table": "marginal",
                        "series": [
                            {
                                "name": "KL",
                                "labels": names,
                                "y": divergence,
                                "lower": (shift - 1.96 * error).tolist(),
                                "upper": (shift + 1.96 * error).tolist(),
                            }
                        ],
                        "reference_lines": [{"value": 0.1, "axis": "x", "label": "noticeable from here"}],
                    }
                ],
                "tables": [
                    {
                        "id": "marginal",
                        "title": "Divergence of each feature",
                        "columns": [
                            {"name": "feature", "kind": "text"},
                            {"name": "KL", "kind": "number", "unit": "nats"},
                            {"name": "95% interval", "kind": "interval", "unit": "nats"},
                            {"name": "p", "kind": "p"},
                            {"name": "distinct values", "kind": "number"},
                        ],
                        "rows": [
                            [name, float(d), [float(s - 1.96 * e), float(s + 1.96 * e)], float(q), int(n)]
                            for name, d, s, e, q, n in zip(
                                names, divergence, shift, error, p, rng.integers(2, 20_000, n_features)
                            )
                        ],
                    },
                    {
                        "id": "joint",
                        "title": "All features together",
                        "columns": [
                            {"name": "measure", "kind": "text"},
                            {"name": "value", "kind": "number"},
                            {"name": "95% interval", "kind": "interval"},
                            {"name": "p", "kind": "p"},
                        ],
                        "rows": [
                            ["KL divergence", 0.84, [0.72, 0.96], 0.0005],
                            ["Rényi divergence, order 0.5", 0.31, [0.25, 0.37], 0.0005],
                            ["NNR", "needs the information plugin", None, None],
                            ["Rényi divergence, order 2", math.inf, [1.1, math.inf], math.nan],
                        ],
                    },
                ],
            },
            {
                "id": "weights",
                "title": "Which reference rows stand for the target",
                "lead": (
                    "Cross-fitted density-ratio weights. Where the target has no counterpart in the "
                    "reference, no weighting helps."
                ),
                "level": "warn",
                "notes": [
                    "Pareto k above 0.7: a few rows dominate, means over the weighted sample have no reliable error."
                ],
                "charts": [
                    {
                        "id": "overlap",
                        "kind": "histogram",
                        "title": "Log density ratio",
                        "x_label": "log weight",
                        "y_label": "density",
                        "table": "overlap",
                        "series": [
                            {
                                "name": "reference",
                                "x": edges.tolist(),
                                "y": np.histogram(reference, edges, density=True)[0].tolist(),
                            },
                            {
                                "name": "target",
                                "x": edges.tolist(),
                                "y": np.histogram(target, edges, density=True)[0].tolist(),
                            },
                        ],
                        "reference_lines": [{"value": 0, "axis": "x", "label": "equal weight"}],
                    }
                ],
                "tables": [
                    {
                        "id": "overlap",
                        "title": "Log density ratio",
                        "columns": [{"name": n, "kind": "number"} for n in ("from", "to", "reference", "target")],
                        "rows": [
                            [float(a), float(b), float(r), float(t)]
                            for a, b, r, t in zip(
                                edges,
                                edges[1:],
                                np.histogram(reference, edges, density=True)[0],
                                np.histogram(target, edges, density=True)[0],
                            )
                        ],
                    }
                ],
            },
            {
                "id": "performance",
                "title": "Expected performance on the target",
                "lead": (
                    "The cross-fitted model's error on reference rows, weighted towards the target, "
                    "beside what it was on the target's own labels."
                ),
                "level": "note",
                "notes": [],
                "charts": [
                    {
                        "id": "rmse",
                        "kind": "interval",
                        "title": "Root mean squared error",
                        "x_label": "RMSE",
                        "y_label": "",
                        "table": "rmse",
                        "series": [
                            {
                                "name": "RMSE",
                                "labels": ["on the reference", "expected on the target", "measured on the target"],
                                "y": [54.2, 58.1, 59.4],
                                "lower": [52.9, 54.9, 58.0],
                                "upper": [55.5, 61.3, 60.8],
                            }
                        ],
                    },
                    {
                        "id": "tempering",
                        "kind": "line",
                        "title": "Error as the reference is weighted towards the target",
                        "x_label": "share of the way to the target",
                        "y_label": "RMSE",
                        "table": "tempering",
                        "series": [
                            {
                                "name": "gradient boosting",
                                "x": grid.tolist(),
                                "y": curve.tolist(),
                                "lower": (curve - half).tolist(),
                                "upper": (curve + half).tolist(),
                            },
                            {"name": "mean of the label", "x": grid.tolist(), "y": (60 + 6 * grid).tolist()},
                        ],
                        "reference_lines": [{"value": 59.4, "axis": "y", "label": "measured"}],
                    },
                ],
                "tables": [
                    {
                        "id": "rmse",
                        "title": "Root mean squared error",
                        "columns": [
                            {"name": "sample", "kind": "text"},
                            {"name": "RMSE", "kind": "number"},
                            {"name": "95% interval", "kind": "interval"},
                        ],
                        "rows": [
                            ["on the reference", 54.2, [52.9, 55.5]],
                            ["expected on the target", 58.1, [54.9, 61.3]],
                            ["measured on the target", 59.4, [58.0, 60.8]],
                        ],
                    },
                    {
                        "id": "tempering",
                        "title": "Error along the way",
                        "columns": [{"name": n, "kind": "number"} for n in ("share", "RMSE", "baseline")],
                        "rows": [[float(g), float(c), float(60 + 6 * g)] for g, c in zip(grid, curve)],
                    },
                ],
            },
            {
                "id": "features",
                "title": "Which features matter",
                "lead": "Mean absolute Shapley values on the target, and Sobol' indices over the ranges of the data.",
                "level": "good",
                "notes": [],
                "charts": [
                    {
                        "id": "shapley",
                        "kind": "interval",
                        "title": "Shapley values",
                        "x_label": "mean |value|, in units of the label",
                        "y_label": "",
                        "table": "shapley",
                        "series": [
                            {
                                "name": "Shapley",
                                "labels": names,
                                "y": shapley.tolist(),
                                "lower": (shapley * 0.85 - 0.1).tolist(),
                                "upper": (shapley * 1.15 + 0.1).tolist(),
                            }
                        ],
                    },
                    {
                        "id": "sobol",
                        "kind": "bar",
                        "title": "Sobol' indices",
                        "x_label": "share of the variance",
                        "y_label": "",
                        "table": "sobol",
                        "series": [
                            {
                                "name": "first",
                                "labels": names[:12],
                                "y": first[:12].tolist(),
                                "lower": (first[:12] - 0.02).tolist(),
                                "upper": (first[:12] + 0.02).tolist(),
                            },
                            {
                                "name": "total",
                                "labels": names[:12],
                                "y": total[:12].tolist(),
                                "lower": (total[:12] - 0.02).tolist(),
                                "upper": (total[:12] + 0.02).tolist(),
                            },
                        ],
                    },
                ],
                "tables": [
                    {
                        "id": "shapley",
                        "title": "Shapley values",
                        "columns": [
                            {"name": "feature", "kind": "text"},
                            {"name": "mean |value|", "kind": "number"},
                            {"name": "95% interval", "kind": "interval"},
                        ],
                        "rows": [
                            [n, float(s), [float(0.85 * s - 0.1), float(1.15 * s + 0.1)]]
                            for n, s in zip(names, shapley)
                        ],
                    },
                    {
                        "id": "sobol",
                        "title": "Sobol' indices",
                        "columns": [
                            {"name": "feature", "kind": "text"},
                            {"name": "first", "kind": "number"},
                            {"name": "total", "kind": "number"},
                        ],
                        "rows": [[n, float(f), float(t)] for n, f, t in zip(names, first, total)],
                    },
                ],
            },
            {
                "id": "change",
                "title": "What changed most",
                "lead": "A feature matters for the model's error where it both moved and counts.",
                "level": None,
                "notes": [],
                "charts": [
                    {
                        "id": "moved",
                        "kind": "scatter",
                        "title": "Shift against importance",
                        "x_label": "divergence, nats",
                        "y_label": "mean |Shapley value|",
                        "table": "moved",
                        "series": [
                            {
                                "name": "numeric",
                                "labels": names[:20],
                                "x": shift[:20].tolist(),
                                "y": rng.permutation(shapley[:20]).tolist(),
                            },
                            {
                                "name": "categorical",
                                "labels": names[20:],
                                "x": shift[20:].tolist(),
                                "y": rng.permutation(shapley[20:]).tolist(),
                            },
                        ],
                    }
                ],
                "tables": [
                    {
                        "id": "moved",
                        "title": "Shift against importance",
                        "columns": [
                            {"name": "feature", "kind": "text"},
                            {"name": "divergence", "kind": "number", "unit": "nats"},
                            {"name": "Shapley", "kind": "number"},
                        ],
                        "rows": [[n, float(a), float(b)] for n, a, b in zip(names, shift, shapley)],
                    }
                ],
            },
            {
                "id": "method",
                "title": "How this was computed",
                "lead": (
                    "20,000 of 100,000 rows were drawn at random without replacement from each sample; "
                    "every interval includes that."
                ),
                "level": None,
                "notes": [
                    "Seed 0 gives these numbers again on any machine.",
                    "Dropped: a constant column (1), columns without values (0).",
                ],
                "charts": [],
                "tables": [],
            },
        ],
    }


def hostile_document() -> dict:
    """Every text of every kind of chart and table is one of `HOSTILE`."""
    texts = iter(HOSTILE * 1000)

    def table() -> dict:
        return {
            "id": next(texts),
            "title": next(texts),
            "columns": [
                {"name": next(texts), "kind": kind, "unit": next(texts)} for kind in ("text", "number", "p", "interval")
            ],
            "rows": [[text] * 4 for text in HOSTILE],
        }

    def chart(kind: str, owned: dict) -> dict:
        n = len(HOSTILE)
        return {
            "id": next(texts),
            "kind": kind,
            "title": next(texts),
            "x_label": next(texts),
            "y_label": next(texts),
            "table": owned["id"],
            "series": [
                {
                    "name": next(texts),
                    "labels": list(HOSTILE),
                    "x": list(range(n + 1)),
                    "y": [*range(n - 1), next(texts)],
                }
                for _ in range(2)
            ],
            "reference_lines": [{"value": 2, "axis": "x", "label": next(texts)}],
        }

    sections = []
    for kind in ("bar", "interval", "line", "histogram", "scatter"):
        owned = table()
        sections.append(
            {
                "id": next(texts),
                "title": next(texts),
                "lead": next(texts),
                "level": next(texts),
                "notes": list(HOSTILE),
                "charts": [chart(kind, owned)],
                "tables": [owned, table()],
            }
        )
    sample = {"name": next(texts), "rows": next(texts), "columns": next(texts), "used_rows": 1}
    return {
        "schema_version": 1,
        "pondera": next(texts),
        "title": next(texts),
        "created": next(texts),
        "inputs": {
            "reference": sample,
            "target": sample,
            **{key: next(texts) for key in ("label", "task", "model", "seed")},
        },
        "verdicts": [
            {"level": next(texts), "text": text, "section": section["id"]} for text in HOSTILE for section in sections
        ],
        "sections": sections,
    }
