"""The analysis behind the report, on data whose truth is known."""

from __future__ import annotations

import errno
import json
import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

import pondera as po
from pondera import reporting

pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

from pondera.reporting import analysis, distance, document, importance, model, tables  # noqa: E402


def linear(seed, n=600, *, shift=0.0, d=4, noise=0.5):
    """y = 2 x1 + x0 + noise; x1 is shifted."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[:, 1] += shift
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(d)])
    frame["y"] = 2 * X[:, 1] + X[:, 0] + noise * rng.normal(size=n)
    return frame


def prepared(reference, target, label=None, task="auto", seed=0):
    return tables.prepare(reference, target, label=label, task=task, key=po.random.key(seed))


def section(report, name):
    return next(s for s in report.document["sections"] if s["id"] == name)


def table(report, name):
    found = next(t for s in report.document["sections"] for t in s["tables"] if t["id"] == name)
    names = [c["name"] for c in found["columns"]]
    return [dict(zip(names, row)) for row in found["rows"]]


@pytest.fixture(scope="module")
def shifted():
    return po.report(linear(0), linear(1, shift=0.8), label="y", rng=3)


# -- the answers


def test_the_shifted_feature_is_found_and_ranked_first(shifted):
    changes = table(shifted, "changes-table")
    assert changes[0]["Feature"] == "x1"
    assert [c["Beyond chance"] for c in changes] == ["yes", "no", "no", "no"]
    kl = shifted.results["kl_divergence/x1"]
    # KL of N(.8, 1) against N(0, 1) is .32; the bias of 1-d k-NN at n = 600 is below .03.
    assert abs(kl.value - 0.32) < 4.5 * kl.stderr + 0.03
    assert shifted.verdicts[0]["level"] == "warn"
    assert "x1" in next(v["text"] for v in shifted.verdicts if v["section"] == "changes")


def test_the_changes_of_the_mean_contributions_add_up_to_that_of_the_prediction(shifted):
    explained = {side: shifted.results[f"shapley/{side}"] for side in ("reference", "target")}
    change = explained["target"].values.sum(axis=1).mean() - explained["reference"].values.sum(axis=1).mean()
    assert shifted.results["shapley/shift"].value.sum() == pytest.approx(change, rel=1e-9)
    # E y moves by 2 x .8; forty rows of each side, sd of the prediction about 2.2: standard error .5.
    assert change == pytest.approx(1.6, abs=4.5 * 0.5)


def test_importance_orders_the_features_of_a_linear_model(shifted):
    for side in ("reference", "target"):
        found = shifted.results[f"shapley/{side}/mean_abs"]
        assert list(np.argsort(-found.value)[:2]) == [1, 0]
    sobol = shifted.results["sobol_indices"]
    # Var = 4 (range of x1)^2/12 + (range of x0)^2/12: first order of x1 near .8, of noise features near 0.
    assert sobol.first[1] > 0.6 > sobol.first[0]
    assert np.abs(sobol.total[2:]).max() < 0.1


def test_explained_rows_sum_to_their_prediction(shifted):
    for row in table(shifted, "features-row-0-table"):
        assert set(row) == {"Feature", "Contribution", "Standard error"}
    name = next(n for n in shifted.results if n.startswith("shapley/target/row"))
    one = shifted.results[name]
    assert np.isfinite(one.values).all()
    title = next(c["title"] for c in section(shifted, "features")["charts"] if "Row" in c["title"])
    assert "prediction" in title


def test_weights_make_the_reference_look_like_the_target(shifted):
    profile = {row["Feature"]: row for row in table(shifted, "weights-profile")}
    assert abs(profile["x1"]["Difference before (sd)"]) > 0.6
    assert abs(profile["x1"]["Difference after (sd)"]) < 0.25
    weights = shifted.results["weights"]
    # Kish for N(0,1) to N(.8,1): exp(-.64) = .53 of the rows.
    assert 0.3 < weights.ess / len(weights) < 0.75


def test_weighting_predicts_the_loss_under_covariate_shift_and_not_without_weights():
    # The noise grows with x0, which is shifted: the loss grows by E e^(x0) changes, and weights know it.
    z, plain = [], []
    for seed in range(6):
        frames = []
        for shift in (0.0, 0.7):
            rng = np.random.default_rng([seed, int(10 * shift)])
            X = rng.normal(size=(1200, 3))
            X[:, 0] += shift
            y = X[:, 1] + np.exp(0.5 * X[:, 0]) * rng.normal(size=1200)
            frames.append(pd.DataFrame(X, columns=list("abc")).assign(y=y))
        data = prepared(*frames, label="y", seed=seed)
        key = po.random.key(seed)
        weighting = analysis.weigh(data, distance.design(data), key, 2)
        fitted = model.fit_model(data, key, 2)
        first = analysis._performance(fitted, weighting, [])[0]
        z.append(first.gap.value / first.gap.stderr)
        plain.append(
            (first.reference.value - first.measured.value) / math.hypot(first.reference.stderr, first.measured.stderr)
        )
    # Six standard normals have a mean within 4.5/sqrt(6) = 1.8; the ratio's own error widens that a little.
    assert abs(np.mean(z)) < 1.8
    assert np.mean(plain) < -4


def test_a_changed_relation_to_the_label_is_not_taken_for_covariate_shift():
    target = linear(1)
    target["y"] = -target["y"]
    found = po.report(linear(0), target, label="y", rng=0)
    verdict = next(v for v in found.verdicts if v["section"] == "performance")
    assert verdict["level"] == "bad"
    assert "not only the distribution of the features" in verdict["text"]
    assert next(v for v in found.verdicts if v["section"] == "distance")["level"] == "good"


def test_equal_distributions_are_called_different_at_the_nominal_rate_at_most():
    calls, p_values = 0, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        frames = [
            pd.DataFrame(
                {"a": rng.normal(size=150), "b": rng.exponential(size=150).round(1), "c": rng.choice(list("uvw"), 150)}
            )
            for _ in range(2)
        ]
        data = prepared(*frames, seed=seed)
        found = distance.measure(data, distance.design(data), po.random.key(seed), 2)
        calls += 2 * found.p <= analysis.LEVEL or any(m.adjusted <= analysis.LEVEL for m in found.marginals)
        p_values += [found.p]
    # Binomial(60, at most .05): mean 3, sd 1.7; nine is 3.5 sd above.
    assert calls <= 9
    # Uniform p-values: mean .5 with sd .29/sqrt(60).
    assert abs(np.mean(p_values) - 0.5) < 4.5 * 0.29 / math.sqrt(60)


def test_permutation_p_values_of_single_features_are_uniform_without_shift():
    p = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        both = np.where(rng.random(200) < 0.1, np.nan, rng.normal(size=200))
        p.append(
            distance._permutation_p(
                *distance._binned(both[:80], both[80:]), ordered=True, key=po.random.key(seed), permutations=999
            )
        )
    # Mean .5 -+ 4.5 x .29/sqrt(300); share below .05: Binomial(300, .05) has mean 15, sd 3.8.
    assert abs(np.mean(p) - 0.5) < 4.5 * 0.289 / math.sqrt(300)
    assert np.sum(np.array(p) <= 0.05) <= 15 + 4.5 * 3.8


# -- the parts against independent truths


def test_ordered_statistic_is_anderson_darling_by_its_definition():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=23), rng.normal(0.3, 1, size=17)
    pooled = np.sort(np.concatenate([x, y]))
    n, m = len(x), len(y)
    N = n + m
    definition = sum(
        (((y <= z).sum() * N - m * i) ** 2) / (i * (N - i)) for i, z in enumerate(pooled[:-1], start=1)
    ) / (n * m)
    counts = [np.append(np.array([(s == z).sum() for z in pooled], dtype=float), 0.0) for s in (x, y)]
    ours = distance._statistic(counts[1][None, :], (counts[0] + counts[1]).astype(np.int64), True)[0]
    assert ours == pytest.approx(definition, rel=1e-12)


def test_permutation_of_counts_agrees_with_the_exact_test_of_fisher():
    stats = pytest.importorskip("scipy.stats")
    reference, target = np.array([30.0, 10.0]), np.array([18.0, 16.0])
    p = distance._permutation_p(reference, target, ordered=False, key=po.random.key(0), permutations=9999)
    exact = stats.fisher_exact([reference, target])[1]
    # Two-sided by chi-square against by probability: the same set of tables here; sd of p at 9999 draws is .003.
    assert p == pytest.approx(exact, abs=4.5 * 0.003 + 0.01)


def test_energy_statistic_equals_scipy_in_one_dimension():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=150), rng.normal(0.5, 2, size=90)
    data = prepared(pd.DataFrame({"a": x}), pd.DataFrame({"a": y}))
    energy, p = distance._energy_test(distance.design(data), po.random.key(0))
    scale = np.concatenate([x, y]).std()
    assert energy == pytest.approx(stats.energy_distance(x / scale, y / scale) ** 2, rel=1e-9)
    assert p == 0.001


def test_plugin_divergences_of_counts_equal_closed_forms_and_cover():
    q, p = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    kl, renyi = float((p * np.log(p / q)).sum()), float(-2 * np.log(np.sqrt(p * q).sum()))
    huge = distance.plugin_kl(q * 1e9, p * 1e9)
    assert huge.value == pytest.approx(kl, rel=1e-7)
    assert distance.plugin_renyi(q * 1e9, p * 1e9).value == pytest.approx(renyi, rel=1e-7)
    z, w = [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        a, b = rng.multinomial(400, q).astype(float), rng.multinomial(300, p).astype(float)
        e, r = distance.plugin_kl(a, b), distance.plugin_renyi(a, b)
        z.append((e.value - kl) / e.stderr)
        w.append((r.value - renyi) / r.stderr)
    for scores in (z, w):
        assert abs(np.mean(scores)) < 4.5 / 20 + 0.05  # remaining bias O(1/n^1.5)
        assert abs(np.std(scores) - 1) < 4.5 / math.sqrt(800) + 0.05


def test_plugin_kl_without_shift_is_centred_on_zero():
    values = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        a, b = rng.multinomial(300, [0.25] * 4).astype(float), rng.multinomial(200, [0.25] * 4).astype(float)
        values.append(distance.plugin_kl(a, b).value)
    # Uncorrected it would be 1.5 (1/300 + 1/200) = .0125; its sd is sqrt(1.5) (1/300 + 1/200) = .0102.
    assert abs(np.mean(values)) < 4.5 * 0.0102 / 20


def test_rounded_numbers_keep_their_divergence():
    # N(.5, 1) against N(0, 1) rounded to tenths: .125 up to O(step^2); jittering by tiny amounts would give nonsense.
    rng = np.random.default_rng(2)
    values = []
    for seed in range(5):
        frames = [pd.DataFrame({"a": rng.normal(s, 1, size=1000).round(1)}) for s in (0.0, 0.5)]
        data = prepared(*frames, seed=seed)
        found = distance.measure(data, distance.design(data), po.random.key(seed), 1)
        values.append(found.kl.value)
        assert found.marginals[0].how == "neighbours"
    # sd of one estimate near .035 (k = 8): mean of five -+ 4.5 x .016.
    assert np.mean(values) == pytest.approx(0.125, abs=0.075)


def test_missing_values_count_as_a_change_of_their_own():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=2000), rng.normal(size=2000)
    b[rng.random(2000) < 0.3] = np.nan
    a[rng.random(2000) < 0.05] = np.nan
    data = prepared(pd.DataFrame({"v": a}), pd.DataFrame({"v": b}))
    found = distance.measure(data, distance.design(data), po.random.key(0), 1).marginals[0]
    truth = 0.3 * math.log(0.3 / 0.05) + 0.7 * math.log(0.7 / 0.95)
    assert abs(found.kl.value - truth) < 4.5 * found.kl.stderr + 0.02
    assert found.adjusted <= 0.01
    assert found.missing == pytest.approx((0.05, 0.3), abs=0.05)


def test_a_level_that_the_reference_never_shows_gives_a_finite_divergence_with_a_note():
    frames = [pd.DataFrame({"c": ["a"] * 50 + ["b"] * 50}), pd.DataFrame({"c": ["a"] * 50 + ["z"] * 50})]
    data = prepared(*frames)
    found = distance.measure(data, distance.design(data), po.random.key(0), 1).marginals[0]
    assert math.isfinite(found.kl.value)
    assert found.kl.value > 0.5
    assert any("never" in note for note in found.notes)


def test_log_loss_and_errors_of_rows_by_hand():
    predicted = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    losses = model.row_losses("binary", predicted, np.array([0.0, 0.0, np.nan]))
    np.testing.assert_allclose(losses["log loss"][:2], -np.log([0.9, 0.2]))
    np.testing.assert_array_equal(losses["error rate"][:2], [0.0, 1.0])
    assert np.isnan(losses["log loss"][2])
    unknown = model.row_losses("binary", predicted[:1], np.array([-1.0]))
    assert unknown["error rate"][0] == 1.0
    assert math.isfinite(unknown["log loss"][0])


# -- kinds of columns, labels and models


def mixed(seed, n=400, *, late=0.0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(20, 70, n),
            "income": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(3, 0.5, n) * (1 + late)),
            "city": rng.choice(["Rome", "Ostia", "Veii"], n, p=[0.6 - 0.3 * late, 0.2, 0.2 + 0.3 * late]),
            "member": rng.random(n) < 0.4,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        }
    )
    frame["city"] = frame["city"].astype("category")
    score = 0.05 * (frame["age"] - 45) + (frame["city"] == "Veii") - 0.3
    frame["bought"] = np.where(rng.random(n) < 1 / (1 + np.exp(-score)), "yes", "no")
    return frame


def test_mixed_columns_and_a_binary_label():
    found = po.report(mixed(0), mixed(1, late=0.8), label="bought", rng=0)
    assert found.document["inputs"]["task"] == "binary"
    kinds = {row["Feature"]: row["Kind"] for row in table(found, "data-columns")}
    assert kinds == {
        "age": "numeric",
        "income": "numeric",
        "city": "categorical",
        "member": "boolean",
        "since": "datetime",
    }
    flagged = {r["Feature"] for r in table(found, "changes-table") if r["Beyond chance"] == "yes"}
    assert flagged == {"income", "city"}
    losses = {row["Loss"] for row in table(found, "performance-table")}
    assert losses == {"log loss", "error rate"}
    check_document(found.document)


def test_a_pipeline_on_data_frames_gets_its_columns_and_types():
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    reference, target = mixed(0), mixed(1, late=0.5)
    pipe = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["age"]), ("passthrough", ["member"])),
        LogisticRegression(),
    ).fit(reference[["city", "age", "member"]], reference["bought"])
    found = po.report(reference, target, label="bought", model=pipe, rng=0)
    assert found.results["shapley/target"].names == ("city", "age", "member")
    truth = -np.log(pipe.predict_proba(target)[np.arange(len(target)), (target["bought"] == "yes").astype(int)])
    measured = found.results["performance/log loss/measured"]
    assert measured.value == pytest.approx(truth.mean(), rel=1e-9)
    assert "too small" in " ".join(section(found, "performance")["notes"])
    unseen = target.assign(city="Gabii")
    with pytest.raises(reporting.InputError, match="Pipeline fails on rows of these data: Found unknown categories"):
        po.report(reference, unseen.astype({"city": "category"}), label="bought", model=pipe)
    with pytest.raises(reporting.InputError, match="wants columns that the data lack: city"):
        po.report(reference.drop(columns="city"), target.drop(columns="city"), label="bought", model=pipe)


def test_several_classes_and_a_class_that_the_reference_never_shows():
    rng = np.random.default_rng(0)
    frames = []
    for classes in (3, 4):
        X = rng.normal(size=(300, 2))
        frames.append(pd.DataFrame(X, columns=["a", "b"]).assign(kind=(rng.integers(0, classes, 300))))
    found = po.report(frames[0], frames[1], label="kind", rng=0)
    assert found.document["inputs"]["task"] == "multiclass"
    assert any("never shows" in note for note in section(found, "data")["notes"])
    assert found.results["shapley/target"].values.shape == (40, 2, 3)
    assert found.results["sobol_indices"].first.shape == (2,)
    check_document(found.document)


def test_without_a_label_the_shift_itself_is_explained():
    reference, target = linear(0).drop(columns="y"), linear(1, shift=1.0).drop(columns="y")
    found = po.report(reference, target, rng=0)
    assert table(found, "changes-table")[0]["Feature"] == "x1"
    assert not any(s["id"] == "performance" for s in found.document["sections"])
    assert np.argmax(found.results["shapley/target/mean_abs"].value) == 1


def test_a_target_without_labels_gets_an_estimate_only():
    found = po.report(linear(0), linear(1, shift=0.5).drop(columns="y"), label="y", rng=0)
    where = {row["Where"] for row in table(found, "performance-table")}
    assert where == {"on the reference", "expected on the target", "expected less reference"}
    verdict = next(v for v in found.verdicts if v["section"] == "performance")
    assert "cannot be checked" in verdict["text"]


@pytest.mark.parametrize("suffix", ["onnx", "skops"])
def test_models_from_files_answer_as_the_live_one(tmp_path, suffix):
    from sklearn.linear_model import LogisticRegression

    frames = [linear(s, 120).assign(y=lambda f: (f["y"] > 0).astype(int)) for s in (0, 1)]
    for frame, name in zip(frames, ("old", "new")):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    fitted = LogisticRegression().fit(frames[0].drop(columns="y").to_numpy(), frames[0]["y"])
    path = tmp_path / f"model.{suffix}"
    if suffix == "onnx":
        skl2onnx = pytest.importorskip("skl2onnx")
        kind = skl2onnx.common.data_types.FloatTensorType([None, 4])
        converted = skl2onnx.to_onnx(fitted, initial_types=[("X", kind)], options={"zipmap": False})
        path.write_bytes(converted.SerializeToString())
        pytest.importorskip("onnxruntime")
    else:
        pytest.importorskip("skops.io").dump(fitted, path)
    found = reporting.from_files(tmp_path / "old.csv", tmp_path / "new.csv", label="y", model=path)
    rows = frames[1].drop(columns="y").to_numpy()
    truth = -np.log(fitted.predict_proba(rows)[np.arange(120), frames[1]["y"]]).mean()
    # ONNX works in float32: relative errors of 6e-8 in the logit.
    assert found.results["performance/log loss/measured"].value == pytest.approx(truth, rel=1e-5)
    assert found.document["inputs"]["model"] == f"model.{suffix}"


def test_plain_arrays_and_callables():
    rng = np.random.default_rng(0)
    found = po.report(rng.normal(size=(100, 2)), rng.normal(size=(80, 2)), model=lambda X: 2.0 * X[:, 0], rng=0)
    assert np.abs(found.results["shapley/target"].values[:, 1]).max() == 0


def test_samples_that_do_not_overlap_are_called_unreliable_where_they_stand():
    found = po.report(linear(0), linear(1, shift=30.0), label="y", rng=0)
    levels = {v["section"]: v["level"] for v in found.verdicts}
    assert levels["weights"] == "bad"
    assert levels["performance"] in ("warn", "bad")
    assert any("hardly overlap" in note for note in section(found, "weights")["notes"])
    assert "not reliable" in section(found, "performance")["lead"]


def test_a_constant_model_has_no_important_feature():
    found = po.report(linear(0), linear(1), label="y", model=lambda X: np.zeros(len(X)), rng=0)
    assert "same answer" in section(found, "features")["lead"]
    assert any("constant" in note for note in section(found, "features")["notes"])
    check_document(found.document)


# -- the document


LEVELS = {"good", "note", "warn", "bad"}


def check_document(doc):
    json.dumps(doc, allow_nan=False)
    assert doc["schema_version"] == 1
    ids = [s["id"] for s in doc["sections"]]
    assert len(set(ids)) == len(ids)
    for verdict in doc["verdicts"]:
        assert verdict["level"] in LEVELS
        assert verdict["section"] in ids
    for part in doc["sections"]:
        assert part["level"] in LEVELS | {None}
        known = {t["id"] for t in part["tables"]}
        for t in part["tables"]:
            assert len(t["rows"]) <= 200
            for row in t["rows"]:
                assert len(row) == len(t["columns"])
                for cell in row:
                    assert cell is None or isinstance(cell, (str, int, float, list))
                    assert not isinstance(cell, str) or len(cell) <= 200
        for c in part["charts"]:
            assert c["table"] in known
            assert c["kind"] in {"bar", "interval", "line", "histogram", "scatter"}
            for s in c["series"]:
                lengths = {len(s[k]) for k in ("labels", "y", "lower", "upper") if k in s}
                assert len(lengths) == 1
                if c["kind"] == "histogram":
                    assert len(s["x"]) == len(s["y"]) + 1


def test_the_document_keeps_its_contract(shifted):
    check_document(shifted.document)
    assert [s["id"] for s in shifted.document["sections"]] == [
        "distance",
        "weights",
        "performance",
        "features",
        "changes",
        "data",
    ]
    assert shifted.document["inputs"]["reference"] == {"name": "reference", "rows": 600, "columns": 4, "used_rows": 600}


def test_same_seed_same_bytes_for_any_number_of_workers(tmp_path):
    data = mixed(0), mixed(1, late=0.4)
    texts = []
    for workers in (1, 2):
        po.report(*data, label="bought", rng=5, workers=workers).write_json(tmp_path / "r.json")
        saved = json.loads((tmp_path / "r.json").read_text())
        del saved["created"]
        texts.append(json.dumps(saved))
    assert texts[0] == texts[1]


def test_json_holds_every_number_and_reads_back(shifted, tmp_path):
    shifted.write_json(tmp_path / "report.json")
    saved = json.loads((tmp_path / "report.json").read_text())
    assert saved["schema_version"] == 1
    for name, result in shifted.results.items():
        back = type(result).from_dict(saved["results"][name])
        assert type(back) is type(result)
    kl = po.Estimate.from_dict(saved["results"]["kl_divergence"])
    assert kl.value == shifted.results["kl_divergence"].value


def test_no_row_of_the_data_is_in_the_document():
    reference, target = mixed(0), mixed(1)
    secret = "Q7-secret-name"
    reference["city"] = reference["city"].astype(object)
    reference.loc[7, "city"] = secret
    reference["income"] = reference["income"] + 0.123456789012
    found = po.report(reference, target, label="bought", rng=0)
    text = json.dumps(found.document)
    assert secret not in text
    for value in reference["income"].dropna():
        assert repr(float(value)) not in text


def test_hostile_names_are_carried_as_they_are():
    evil = "</script><script>window.pwn=1</script>"
    renamed = [linear(s).rename(columns={"x0": evil, "x1": "\u2028" + "A" * 10_000}) for s in (0, 1)]
    found = po.report(*renamed, label="y", rng=0)
    names = [row["Feature"] for row in table(found, "data-columns")]
    assert evil in names
    assert max(map(len, names)) == 200
    check_document(found.document)


def test_a_large_sample_is_drawn_and_said_so(monkeypatch):
    monkeypatch.setattr(tables, "MAX_ROWS", 200)
    data = prepared(linear(0), linear(1), label="y")
    assert len(data.reference.codes) == 200
    assert data.reference.rows == 600
    assert any("200 of 600 rows" in note and "stands for 3 rows" in note for note in data.notes)
    assert (np.diff(data.reference.index) > 0).all()
    np.testing.assert_array_equal(data.reference.codes[:, 0], linear(0)["x0"].to_numpy()[data.reference.index])


def test_coded_rows_come_back_as_the_frame_they_were():
    frame = mixed(0)
    frame["member"] = frame["member"].astype("boolean")
    frame.loc[3, "member"] = pd.NA
    frame["text"] = np.where(np.arange(len(frame)) % 3 == 0, None, "t")
    data = prepared(frame, mixed(1).assign(text="t"))
    back = data.frame(data.reference.codes)
    pd.testing.assert_frame_equal(back, frame[list(back.columns)].reset_index(drop=True), check_dtype=False)
    assert back["age"].dtype == frame["age"].dtype
    assert back["city"].dtype == frame["city"].dtype
    assert back["since"].dtype == frame["since"].dtype


def test_inputs_are_not_changed():
    reference, target = mixed(0), mixed(1)
    before = reference.copy(), target.copy()
    po.report(reference, target, label="bought", rng=0)
    pd.testing.assert_frame_equal(reference, before[0])
    pd.testing.assert_frame_equal(target, before[1])


def test_progress_names_its_steps():
    seen = []
    po.report(linear(0, 60), linear(1, 60), label="y", progress=lambda *step: seen.append(step))
    assert [name for _, _, name in seen] == [*reporting.STEPS, "done"]
    assert [done for done, _, _ in seen] == list(range(len(reporting.STEPS) + 1))


def test_the_demo_answers_a_real_question():
    found = reporting.demo(rng=0)
    check_document(found.document)
    assert {v["section"] for v in found.verdicts} == {"distance", "weights", "performance", "features", "changes"}
    assert "bmi" in [row["Feature"] for row in table(found, "features-shapley-table")[:4]]
    assert repr(found).count("\n") == 4


# -- files


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "feather"])
def test_every_file_format_gives_the_same_numbers(tmp_path, suffix):
    writers = {
        "csv": lambda f, p: f.to_csv(p, index=False),
        "tsv": lambda f, p: f.to_csv(p, index=False, sep="\t"),
        "parquet": lambda f, p: f.to_parquet(p),
        "feather": lambda f, p: f.to_feather(p),
    }
    if suffix in ("parquet", "feather"):
        pytest.importorskip("pyarrow")
    frame = mixed(0)
    path = tmp_path / f"data.{suffix}"
    writers[suffix](frame, path)
    first, second = tables.read(path), frame
    one, two = prepared(first, first), prepared(second, second)
    assert [c.kind for c in one.columns] == [c.kind for c in two.columns]
    # pandas 2 reads decimals to the last bit but one, pandas 3 exactly; binary formats are exact.
    ulps = 0 if suffix in ("parquet", "feather") or int(pd.__version__.partition(".")[0]) >= 3 else 1
    np.testing.assert_allclose(one.reference.codes, two.reference.codes, rtol=ulps * 2**-52, atol=0)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


GOOD = "a,b,y\n" + "".join(f"{i * 0.37 % 1:.3f},{i % 7},{i * 0.11 % 1:.3f}\n" for i in range(60))
BAD_FILES = {
    "missing": (None, "there is no file"),
    "empty": ("", "is empty"),
    "header only": ("a,b,y\n", "0 rows"),
    "one row": ("a,b,y\n1,2,3\n", "1 row"),
    "no common columns": (GOOD.replace("a,b,y", "c,d,y"), "no columns in common"),
    "constant column": ("a,b,y\n" + "".join(f"{i},4,{i}\n" for i in range(60)), None),
    "all NaN": ("a,b,y\n" + "".join(f"{i},,{i}\n" for i in range(60)), "column 'b' holds no value"),
    "infinite": (GOOD.replace("0.370,1", "inf,1"), "column 'a' holds infinities"),
    "another kind": (GOOD.replace("0.370,1", "red,1"), "column 'a' is numeric in"),
    "not text": (b"\xff\xfe\x00\x01a,b\n\x80", "cannot be read|not UTF-8|no columns in common|rows"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_refused_in_one_line_that_names_them(tmp_path, case):
    content, match = BAD_FILES[case]
    good = write(tmp_path / "good.csv", GOOD)
    bad = tmp_path / "bad.csv"
    if isinstance(content, bytes):
        bad.write_bytes(content)
    elif content is not None:
        write(bad, content)
    if case == "constant column":
        good, match = bad, "column 'b' is constant"
    with pytest.raises(reporting.InputError, match=match) as error:
        reporting.from_files(good, bad, label="y")
    assert "\n" not in str(error.value)
    assert "bad.csv" in str(error.value)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"label": "z"}, "good.csv: there is no column 'z' for the label"),
        ({"label": "y", "model": "nothing.onnx"}, "model: .*nothing.onnx"),
        ({"label": "y", "model": "model.pkl"}, "model: .*pickle"),
        ({"label": "y", "task": "ranking"}, "task"),
    ],
)
def test_bad_options_are_refused_in_one_line(tmp_path, options, match):
    good = write(tmp_path / "good.csv", GOOD)
    with pytest.raises(reporting.InputError, match=match) as error:
        reporting.from_files(good, good, **options)
    assert "\n" not in str(error.value)


def test_a_damaged_model_file_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    good = write(tmp_path / "good.csv", GOOD)
    with pytest.raises(reporting.InputError, match=r"model: .*broken\.onnx"):
        reporting.from_files(good, good, label="y", model=write(tmp_path / "broken.onnx", "not a model"))


def test_a_column_with_a_hundred_thousand_categories_is_refused_by_name():
    n = 100_001
    frame = pd.DataFrame({"id": [f"k{i}" for i in range(n)], "v": np.arange(n) % 11 + 0.5})
    with pytest.raises(reporting.InputError, match=r"column 'id' has 100,001 different values"):
        po.report(frame, frame)


def test_labels_that_cannot_be_predicted_are_refused():
    reference = linear(0, 50)
    with pytest.raises(reporting.InputError, match="label 'y' is constant"):
        po.report(reference.assign(y=1.0), reference, label="y")
    with pytest.raises(reporting.InputError, match="label 'y' holds no value"):
        po.report(reference.assign(y=np.nan), reference, label="y")
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit(reference.drop(columns="y"), reference["y"] > 0)
    with pytest.raises(reporting.InputError, match="classifier, the label 'y' is a number"):
        po.report(reference, reference, label="y", model=fitted)


def test_nothing_is_written_where_writing_fails(shifted, tmp_path, monkeypatch):
    with pytest.raises(OSError, match="nowhere"):
        shifted.write_json(tmp_path / "nowhere" / "report.json")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        shifted.write_json(tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []


def test_the_report_and_its_error_are_found_where_the_documentation_says():
    assert po.report is reporting.report
    assert po.Report is reporting.Report
    assert issubclass(reporting.InputError, ValueError)
    assert importance.SIDES == ("reference", "target")
    assert document.SCHEMA_VERSION == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        repr(reporting.demo)
