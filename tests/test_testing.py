"""The conformance kit: a method that keeps every promise passes, and every check finds what it is there for."""

from __future__ import annotations

import itertools
import math
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import methods_for_the_kit as kit
import pondera as po
from distributions import install, plugin
from pondera import testing

HERE = Path(__file__).parent


def method(function, **fields):
    """A Method whose target is `function`, wherever it is defined."""
    given = {"kind": "estimate", "unit": "samples", "summary": "For a test", "source": "", **fields}
    return po.Method(name="for_a_test", target=f"methods_for_the_kit:{function.__name__}", **given)


def failures(function, example=None, checks=None, **fields):
    report = testing.check_method(
        method(function, **fields), example=example or kit.example(), checks=checks, raises=False
    )
    return {check.name: check.detail for check in report if check.outcome == "failed"}


def test_a_fair_method_passes_every_check_and_skips_only_what_does_not_apply():
    report = testing.check_method(method(kit.fair_mean), example=kit.example())
    outcomes = {check.name: check.outcome for check in report}
    assert set(outcomes) == set(testing.CHECKS)
    assert [name for name, outcome in outcomes.items() if outcome != "passed"] == ["lazy"]


@pytest.mark.parametrize(("function", "check", "words"), kit.BROKEN, ids=lambda v: getattr(v, "__name__", ""))
def test_a_broken_method_fails_the_check_that_is_there_for_it(function, check, words):
    found = failures(function, checks=[check])
    assert re.search(words, found.get(check, "")), found


def test_every_check_is_shown_to_fail():
    shown = {check for _, check, _ in kit.BROKEN} | {"lazy", "truth"}  # these two have tests of their own below
    assert shown == set(testing.CHECKS)


def test_a_false_result_fails_the_truth():
    def truth(result):
        assert result.value == 1.0, "expected one"

    found = failures(kit.fair_mean, kit.example(truth=truth), ["truth"])
    assert found["truth"].startswith("expected one")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": ("X",)}, "no parameter"),
        ({"data": ("x", "executor")}, "does not pass"),
        ({"args": ([1.0, 2.0, 3.0, 4.0],)}, "expected NumPy arrays"),
        ({"allowed": {"y:nan": "no reason"}}, "not among data"),
        ({"allowed": {"x:nil": "no reason"}}, "expected one of nan"),
    ],
)
def test_a_careless_example_is_refused(changes, words):
    assert words in failures(kit.fair_mean, kit.example(**changes), ["example"])["example"]


def test_examples_that_change_or_are_none_are_found(monkeypatch):
    numbers = itertools.count()
    monkeypatch.setattr(kit, "restless", lambda: kit.example(args=(kit.data(next(numbers)),)), raising=False)
    monkeypatch.setattr(kit, "nothing", dict, raising=False)
    for name, words in (("restless", "two examples differ in x"), ("nothing", "a dict, expected a testing.Example")):
        subject = method(kit.fair_mean, example=f"methods_for_the_kit:{name}")
        (check,) = testing.check_method(subject, checks=["example"], raises=False)
        assert words in check.detail


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"replicate": None}, "needs replicate and true_value"),
        ({"coverage": {"level": 0.95}}, "lacks coverage, runs, reason"),
        ({"coverage": {"level": 0.95, "coverage": 0.5, "runs": 9, "reason": "-"}}, "expected 0.5"),
    ],
)
def test_an_estimate_without_honest_figures_fails_coverage(changes, words):
    assert words in failures(kit.fair_mean, kit.example(**changes), ["coverage"])["coverage"]


def test_stored_figures_stand_in_for_replicates_and_are_shown():
    stored = {"level": 0.95, "coverage": 0.93, "runs": 4000, "reason": "biased by 1/n"}
    example = kit.example(replicate=None, coverage=stored)
    (check,) = testing.check_method(method(kit.fair_mean), example=example, checks=["coverage"])
    assert check.detail == "stored: 0.93 at level 0.95 in 4000 runs; biased by 1/n"


def test_too_slow_replicates_ask_for_stored_figures():
    (check,) = testing.check_method(
        method(kit.fair_mean), example=kit.example(), checks=["coverage"], budget_s=0.0, raises=False
    )
    assert "only 0 replicates" in check.detail


@pytest.mark.parametrize(
    ("flag", "function", "check"),
    [
        ("no_seed", kit.draws_afresh, "rng"),
        ("no_seed", kit.draws_afresh, "workers"),
        ("no_seed", kit.draws_afresh, "strides"),
        ("exact", kit.promises_too_much, "coverage"),
        ("in_place", kit.sorts_in_place, "untouched"),
        ("in_place", kit.needs_writeable_input, "read_only"),
        ("no_threads", kit.depends_on_workers, "workers"),
        ("float64_only", kit.sums_in_single_precision, "float32"),
        ("slow", kit.takes_its_time, "example"),
    ],
)
def test_a_flag_skips_its_check_and_prints_the_reason(flag, function, check, capsys):
    subject = method(function, flags={flag: "because of the tide"})
    (seen,) = testing.check_method(subject, example=kit.example(), checks=[check])
    assert seen.outcome == "skipped"
    assert seen.detail == f"{flag}: because of the tide"
    assert f"for_a_test: {check} skipped: {flag}: because of the tide" in capsys.readouterr().out


def test_allowed_input_is_not_refused_and_its_reason_is_shown():
    example = kit.example(allowed={"x:nan": "a gap", "x:inf": "a wall"})
    (check,) = testing.check_method(method(kit.accepts_nan), example=example, checks=["refusals"])
    assert check.detail == "x may be nan: a gap; x may be inf: a wall"


def test_all_failures_are_listed_in_one_error():
    def truth(result):
        raise AssertionError("never right")

    with pytest.raises(AssertionError, match="fails 2 of 3 checks") as caught:
        testing.check_method(
            method(kit.returns_a_float), example=kit.example(truth=truth), checks=["truth", "result", "pickle"]
        )
    assert "truth: never right" in str(caught.value)
    assert "result: kind estimate" in str(caught.value)


def test_a_method_that_raises_fails_and_the_other_checks_still_run(monkeypatch):
    def broken(x, *, rng=None):
        raise KeyError("lost")

    monkeypatch.setattr(kit, "broken", broken, raising=False)
    report = testing.check_method(method(broken), example=kit.example(), checks=["result", "docstring"], raises=False)
    assert report[0] == ("result", "failed", "KeyError: 'lost'")
    assert report[1].outcome == "failed"


def test_unknown_checks_and_methods_are_named():
    with pytest.raises(ValueError, match="checks: expected names among lazy"):
        testing.check_method("core.psis", checks=["truths"])
    with pytest.raises(LookupError, match="psis"):
        testing.check_method("psiss")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("estimate", po.Estimate(value=1.0), 1.0),
        ("weight", po.Weights([0.0, 1.0]), 1.0),
        ("attribution", po.Attribution(values=np.zeros(3)), np.zeros(3)),
        ("ranking", po.Ranking(scores=np.zeros(3)), np.zeros(3)),
        ("selection", po.Selection(indices=np.zeros(1, dtype=np.int64), n_items=2), np.zeros(3)),
        ("objective", 1.0, None),
        ("model", object(), None),
        ("evaluation", 1.0, "well"),
        ("transform", np.zeros(3), None),
        ("sampler", np.zeros(3), 1.0),
    ],
)
def test_each_kind_has_its_result_types(kind, good, bad, monkeypatch):
    for value, fits in ((good, True), (bad, False)):
        monkeypatch.setattr(kit, "constant", lambda x, value=value: value, raising=False)
        kit.constant.__name__ = "constant"
        found = failures(kit.constant, checks=["result"], kind=kind)
        assert (found == {}) == fits, found


def test_results_that_hold_foreign_arrays_are_refused(monkeypatch):
    torch = pytest.importorskip("torch")

    def foreign(x):
        return po.Estimate(value=torch.ones(3), stderr=np.ones(3))

    monkeypatch.setattr(kit, "foreign", foreign, raising=False)
    assert "result classes hold NumPy" in failures(foreign, checks=["result"])["result"]


def test_differences_are_seen_to_the_bit_and_to_the_type():
    differ = testing._difference
    assert not differ({"a": [np.zeros(2), None, "x"]}, {"a": [np.zeros(2), None, "x"]})
    assert differ(0.0, -0.0)
    assert differ(np.zeros(2), np.zeros(2, np.float32))
    assert differ(np.zeros(2), np.zeros((1, 2)))
    assert differ([1], [1, 2])
    assert not differ(math.nan, math.nan)
    assert not differ(types.SimpleNamespace(a=np.ones(1)), types.SimpleNamespace(a=np.ones(1)))
    assert differ(types.SimpleNamespace(a=np.ones(1)), types.SimpleNamespace(a=np.zeros(1)))


# -- plugins of an environment: lazy import, and the pytest plugin


def environment(folder: Path) -> dict[str, str]:
    paths = [str(folder), str(HERE), *sys.path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p)}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )


KIT = "import pondera as po; print(po.testing.check_method('{}.fair_mean', checks=['lazy'], raises=False)[0])"


def test_a_plugin_that_imports_its_target_when_listed_fails_lazy(tmp_path):
    install(tmp_path, "eager", "eager_plugin", plugin("eager", before="import methods_for_the_kit"))
    assert "listing the methods imports methods_for_the_kit" in run(tmp_path, "-c", KIT.format("eager")).stdout


def test_a_plugin_that_names_its_target_passes_lazy(tmp_path):
    install(tmp_path, "calm", "calm_plugin", plugin("calm"))
    done = run(tmp_path, "-c", KIT.format("calm"))
    assert "outcome='passed'" in done.stdout, done.stderr


PYTEST = ("-m", "pytest", "-p", "no:cacheprovider", "-rA")


def test_pytest_runs_the_kit_of_a_plugin_without_any_test_file(tmp_path):
    install(tmp_path, "calm", "calm_plugin", plugin("calm"))
    (tmp_path / "test_other.py").write_text("def test_other():\n    assert False\n")
    done = run(tmp_path, *PYTEST, "--pondera-plugin", "calm")
    assert f"{len(testing.CHECKS)} passed" in done.stdout, done.stdout + done.stderr
    assert "calm.fair_mean::rng" in done.stdout
    assert "test_other" not in done.stdout
    done = run(tmp_path, *PYTEST, "--pondera-plugin", "calm", "test_other.py", "-k", "rng or test_other")
    assert "1 failed, 1 passed" in done.stdout, done.stdout


def test_pytest_reports_what_fails_and_why(tmp_path):
    target = "methods_for_the_kit:ignores_rng"
    install(tmp_path, "hasty", "hasty_plugin", plugin("hasty", method="ignores_rng", target=target))
    done = run(tmp_path, *PYTEST, "--pondera-plugin", "hasty", "-k", "rng or executor")
    assert done.returncode == 1
    assert "nine seeds give the same bits" in done.stdout
    assert "the method takes no executor" in done.stdout
    assert "Traceback" not in done.stdout


def test_pytest_names_an_unknown_or_broken_plugin(tmp_path):
    install(tmp_path, "sunk", "sunk_plugin", "raise RuntimeError('no water')")
    done = run(tmp_path, *PYTEST, "--pondera-plugin", "sunk")
    assert done.returncode == 4
    assert "sunk: RuntimeError: no water" in done.stdout + done.stderr
    done = run(tmp_path, *PYTEST, "--pondera-plugin", "cora")
    assert done.returncode == 4
    assert "did you mean core" in done.stdout + done.stderr


# -- toy problems against enumeration


def enumerated(game: testing.ToyGame) -> tuple[np.ndarray, np.ndarray]:
    """Shapley and Banzhaf values from all coalitions, by their definitions."""
    n = game.n_players
    coalitions = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1
    value = game(coalitions)
    size = coalitions.sum(axis=1)
    shapley, banzhaf = np.empty(n), np.empty(n)
    for i in range(n):
        without = ~coalitions[:, i]
        gain = value[np.flatnonzero(without) + 2**i] - value[without]
        weight = np.array([math.factorial(s) * math.factorial(n - s - 1) for s in range(n)], dtype=float)
        shapley[i] = (gain * weight[size[without]]).sum() / math.factorial(n)
        banzhaf[i] = gain.mean()
    return shapley, banzhaf


@pytest.mark.parametrize(
    "game",
    [
        testing.security_council(),
        testing.airport([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0]),
        testing.unanimity(6, [1, 3, 4]),
    ],
    ids=["council", "airport", "unanimity"],
)
def test_toy_games_have_the_values_that_enumeration_gives(game):
    shapley, banzhaf = enumerated(game)
    np.testing.assert_allclose(game.shapley, shapley, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(game.banzhaf, banzhaf, rtol=1e-12, atol=1e-14)


def test_the_security_council_has_its_published_values():
    game = testing.security_council()
    assert game.shapley[0] == pytest.approx(421 / 2145, rel=1e-14)
    assert game.shapley.sum() == pytest.approx(1.0, rel=1e-14)
    assert game.banzhaf[0] == 848 / 2**14
    assert game.banzhaf[14] == 84 / 2**14


def test_toy_games_refuse_nonsense():
    with pytest.raises(ValueError, match="coalitions"):
        testing.airport([1.0, 2.0])(np.ones((1, 3)))
    with pytest.raises(ValueError, match="costs"):
        testing.airport([-1.0])
    for members in ([], [4], [-1]):
        with pytest.raises(ValueError, match="members"):
            testing.unanimity(4, members)


def grid(d: int, n: int) -> np.ndarray:
    """Midpoints of a grid on (0, 1)^d: for smooth periodic functions the midpoint rule is exact to rounding."""
    axis = (np.arange(n) + 0.5) / n
    return np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)


def by_quadrature(y: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray, float]:
    table = y.reshape([round(len(y) ** (1 / d))] * d)
    variance = table.var()
    axes = set(range(d))
    first = [table.mean(axis=tuple(axes - {i})).var() / variance for i in range(d)]
    total = [1 - table.mean(axis=i).var() / variance for i in range(d)]
    return np.array(first), np.array(total), float(variance)


def test_ishigami_indices_are_those_of_quadrature_and_print():
    exact = testing.ishigami_indices()
    first, total, variance = by_quadrature(testing.ishigami((2 * grid(3, 100) - 1) * np.pi), 3)
    # The midpoint rule errs by h^2/24 f'' per axis: with h = 2 pi / 100 and x^8 the error is some 0.1%.
    np.testing.assert_allclose(exact.first, first, atol=2e-3)
    np.testing.assert_allclose(exact.total, total, atol=2e-3)
    assert exact.variance == pytest.approx(variance, rel=5e-3)
    np.testing.assert_allclose(exact.first, [0.31391, 0.44241, 0], atol=5e-6)
    np.testing.assert_allclose(exact.total, [0.55759, 0.44241, 0.24368], atol=5e-6)
    assert exact.variance == pytest.approx(13.8446, abs=5e-5)
    assert exact.second[0, 2] == pytest.approx(0.24368, abs=5e-6)


def test_g_function_indices_are_those_of_quadrature():
    exact = testing.g_function_indices([0.0, 1.0, 4.5])
    first, total, variance = by_quadrature(testing.g_function(grid(3, 100), [0.0, 1.0, 4.5]), 3)
    # |4 u - 2| is linear on each cell, whose midpoint value misses the square's mean by h^2 16 / 12: 1.3e-4.
    np.testing.assert_allclose(exact.first, first, atol=3e-4)
    np.testing.assert_allclose(exact.total, total, atol=3e-4)
    assert exact.variance == pytest.approx(variance, rel=1e-3)
    assert testing.g_function_indices().first.shape == (8,)


def test_six_mp_gives_the_kaplan_meier_curve_of_the_textbooks():
    table = testing.six_mp()
    survival, curve = 1.0, {}
    for t in np.unique(table["time"][table["event"] == 1]):
        at_risk = np.count_nonzero(table["time"] >= t)
        survival *= 1 - np.count_nonzero((table["time"] == t) & (table["event"] == 1)) / at_risk
        curve[int(t)] = round(survival, 6)
    assert curve == {
        6: 0.857143, 7: 0.806723, 10: 0.752941, 13: 0.690196, 16: 0.627451, 22: 0.537815, 23: 0.448179,
    }  # fmt: skip
