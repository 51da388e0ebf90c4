"""Result classes: files, dictionaries, HTML, intervals and pictures, and what they refuse."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import pickle
import stat
import zipfile
from typing import Any

import numpy as np
import pytest

import pondera as po
from pondera import results
from pondera.testing import _difference as difference
from results_of_all_classes import ALL, NAMES

results_of_all_classes = pytest.mark.parametrize("result", ALL.values(), ids=ALL.keys())


def test_every_public_result_class_is_tested_here():
    public = {v for v in vars(results).values() if isinstance(v, type) and issubclass(v, po.Result)} - {po.Result}
    assert public <= {type(result) for result in ALL.values()}


@results_of_all_classes
def test_a_saved_result_is_read_back_to_the_bit_and_holds_no_pickle(result, tmp_path):
    path = tmp_path / "result.npz"
    result.save(path)
    again = po.load(path)
    assert type(again) is type(result)
    assert not difference(result, again)
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                assert np.lib.format.read_magic(member) in [(1, 0), (2, 0), (3, 0)]
                reader = np.lib.format.read_array_header_1_0
                assert not reader(member)[2].hasobject


@results_of_all_classes
def test_to_dict_is_strict_json_and_from_dict_gives_the_same_bits(result):
    text = json.dumps(result.to_dict(), allow_nan=False)
    data = json.loads(text)
    assert data["type"].rpartition(".")[2] == type(result).__name__
    assert data["schema_version"] == 1
    assert not difference(result, type(result).from_dict(data))
    assert not difference(result, po.Result.from_dict(data))


@results_of_all_classes
def test_pickling_gives_the_same_bits(result):
    assert not difference(result, pickle.loads(pickle.dumps(result)))


@results_of_all_classes
def test_results_are_frozen_and_compare_by_identity(result):
    name = dataclasses.fields(result)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, name, 1)
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        result.another = 1
    assert result == result
    assert result != pickle.loads(pickle.dumps(result))
    assert hash(result) == hash(result)


@results_of_all_classes
def test_results_show_themselves_and_escape_what_users_named(result):
    assert type(result).__name__ in repr(result)
    page = result._repr_html_()
    assert "<script" not in page
    assert "<table" in page or "<pre" in page


@results_of_all_classes
def test_every_result_makes_a_frame(result):
    pd = pytest.importorskip("pandas")
    assert isinstance(result.to_frame(), pd.DataFrame)


def test_html_shows_hostile_names_as_text():
    assert "&lt;script&gt;window.pwn=1&lt;/script&gt;" in ALL["ranking"]._repr_html_()
    assert "&lt;/td&gt;" in ALL["attribution"]._repr_html_()
    assert "70 more rows" in po.Table(columns={"x": np.arange(100)})._repr_html_()


def test_a_plugins_class_hides_neither_the_cores_nor_another_plugins():
    assert ALL["counted"].to_dict()["type"] == "results_of_all_classes.Counted"
    before = dict(results._REGISTRY)
    try:

        class Estimate(po.Estimate):
            """The core's name, in another package."""

        assert type(po.Result.from_dict(ALL["estimate"].to_dict())) is po.Estimate
        assert type(po.Result.from_dict(Estimate(value=1.0).to_dict())) is Estimate
    finally:
        results._REGISTRY.clear()
        results._REGISTRY.update(before)


# -- refusals


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "schema version None"),
        ({"type": "Estimate", "schema_version": 2, "value": 1.0}, "schema version 2"),
        ({"type": "Estimate", "schema_version": "1", "value": 1.0}, "schema version '1'"),
        ({"type": "os.system", "schema_version": 1}, "unknown result type 'os.system'"),
        ({"type": "Estimate", "schema_version": 1, "value": 1.0, "evil": 1}, "no field.s. evil"),
        ({"type": "Estimate", "schema_version": 1}, "missing 1 required"),
        ({"type": "Estimate", "schema_version": 1, "value": {"what": 1}}, "unknown entry"),
        ({"type": "Estimate", "schema_version": 1, "value": {"array": [1], "dtype": "O", "shape": [1]}}, "object"),
        ({"type": "Estimate", "schema_version": 1, "value": {"array": [1], "dtype": "<f8", "shape": [2]}}, "reshape"),
        ({"type": "Estimate", "schema_version": 1, "value": {"array": 1, "dtype": "no", "shape": []}}, "data: "),
        ({"type": "Estimate", "schema_version": 1, "value": {"float": "x"}}, "could not convert"),
        ({"type": "Estimate", "schema_version": 1, "value": {"interval": [1]}}, "not enough values"),
        (3, "not what to_dict writes"),
        (None, "not what to_dict writes"),
    ],
)  # fmt: skip
def test_dictionaries_that_to_dict_would_not_write_are_value_errors(data, words):
    with pytest.raises(ValueError, match=words):
        po.Result.from_dict(data)


def test_from_dict_of_another_class_is_refused():
    with pytest.raises(ValueError, match="holds a Curve, expected a Estimate"):
        po.Estimate.from_dict(ALL["curve"].to_dict())


def header(**changes: Any) -> np.ndarray:
    content = {"type": "Estimate", "schema_version": 1, "fields": {"value": 1.0}, **changes}
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"x": np.zeros(3)},
        {"__pondera__": np.zeros(3, dtype=np.uint8)},
        {"__pondera__": np.frombuffer(b"[]", dtype=np.uint8)},
        {"__pondera__": np.frombuffer(b"{}", dtype=np.uint8)},
        {"__pondera__": np.frombuffer(b"\xff\xfe", dtype=np.uint8)},
        {"__pondera__": np.frombuffer(b"[" * 100_000, dtype=np.uint8)},
        {"__pondera__": header(schema_version=99)},
        {"__pondera__": header(schema_version=None)},
        {"__pondera__": header(type="Nothing")},
        {"__pondera__": header(type=["Estimate"])},
        {"__pondera__": header(fields={"value": {"npz": "absent"}})},
        {"__pondera__": header(fields={"value": {"npz": 3}})},
        {"__pondera__": header(fields={"value": {"interval": [1, 2, 3]}})},
        {"__pondera__": header(fields={"value": {"result": "Nothing", "fields": {}}})},
        {"__pondera__": header(fields={"more": 1.0})},
        {"__pondera__": header(fields={})},
        {"__pondera__": header(fields=[1])},
    ],
)
def test_malformed_archives_are_value_errors_that_name_the_path(content, tmp_path):
    path = tmp_path / "broken.npz"
    np.savez(path, **content)
    with pytest.raises(ValueError, match=r"path: .*broken\.npz"):
        po.load(path)


def test_files_that_are_cut_or_foreign_are_refused(tmp_path):
    path = tmp_path / "whole.npz"
    ALL["attribution"].save(path)
    whole = path.read_bytes()
    for size in (0, 1, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="path"):
            po.load(path)
    for i in range(40, len(whole), 97):  # a byte flipped: another value, or a refusal, never another exception
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0xFF]) + whole[i + 1 :])
        with contextlib.suppress(ValueError):
            po.load(path)
    np.save(tmp_path / "array.npy", np.zeros(3))
    for name, content in (("array.npy", None), ("pickle.npz", pickle.dumps([1])), ("text.npz", b"hello")):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="path"):
            po.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        po.load(tmp_path / "none.npz")


def test_objects_are_neither_saved_nor_described_nor_unpickled(tmp_path):
    bad = po.Table(columns={"x": np.array([1, None], dtype=object)})
    with pytest.raises(TypeError, match="dtype object"):
        bad.save(tmp_path / "bad.npz")
    with pytest.raises(TypeError, match="dtype object"):
        bad.to_dict()
    with pytest.raises(TypeError, match="describe a set"):
        po.Estimate(value=1.0, diagnostics={"x": {1}}).save(tmp_path / "bad.npz")
    assert list(tmp_path.iterdir()) == []
    np.savez(tmp_path / "evil.npz", __pondera__=header(fields={"value": {"npz": "x"}}), x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        po.load(tmp_path / "evil.npz")


# -- files appear whole or not at all


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "kept.npz"
    ALL["estimate"].save(path)
    before = path.read_bytes()

    def write(file):
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        results.write_atomically(path, write)

    def interrupted(file):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        results.write_atomically(tmp_path / "new.npz", interrupted)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["kept.npz"]


def test_a_missing_or_unusable_folder_is_an_os_error_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        ALL["estimate"].save(tmp_path / "no" / "such.npz")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        ALL["estimate"].save(tmp_path / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_files_have_the_permissions_of_the_users_umask(tmp_path, monkeypatch):
    before = os.umask(0o027)
    try:
        ALL["estimate"].save(tmp_path / "result.npz")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "result.npz").stat().st_mode) == 0o640


def test_a_relative_path_and_a_long_name_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ALL["estimate"].save("x" * 200 + ".npz")
    assert po.load("x" * 200 + ".npz").value == 1.5


# -- intervals


def test_intervals_are_students_where_df_is_finite_and_normal_elsewhere():
    stats = pytest.importorskip("scipy.stats")
    e = po.Estimate(value=2.0, stderr=0.5, df=7)
    half = stats.t.ppf(0.95, 7) * 0.5
    np.testing.assert_allclose(e.confidence_interval(0.9), (2 - half, 2 + half), rtol=1e-12)
    normal = po.Estimate(value=2.0, stderr=0.5)
    np.testing.assert_allclose(normal.confidence_interval().upper, 2 + stats.norm.ppf(0.975) * 0.5, rtol=1e-12)
    mixed = po.Estimate(value=np.zeros(2), stderr=np.ones(2), df=np.array([7, np.inf]))
    expected = [stats.t.ppf(0.975, 7), stats.norm.ppf(0.975)]
    np.testing.assert_allclose(mixed.confidence_interval().upper, expected, rtol=1e-12)


def test_unknown_errors_give_nan_bounds_and_exact_values_a_point():
    assert all(math.isnan(bound) for bound in po.Estimate(value=1.0).confidence_interval())
    assert po.Estimate(value=1.0, stderr=0.0).confidence_interval() == (1.0, 1.0)


def test_stored_bounds_know_one_level_only():
    e = ALL["estimate_with_bounds"]
    assert e.confidence_interval(0.9) == (0.7, 1.1)
    with pytest.raises(ValueError, match=r"level: this interval was made for level 0\.9, not 0\.95"):
        e.confidence_interval()
    s = ALL["sobol"]
    assert s.confidence_interval(index="first").lower[0] == -1.0
    with pytest.raises(ValueError, match="level: these intervals"):
        s.confidence_interval(0.9, index="first")
    assert np.isnan(s.confidence_interval(0.9).lower).all()
    with pytest.raises(ValueError, match="index: expected 'first'"):
        s.confidence_interval(index="third")
    with pytest.raises(ValueError, match="index: the second-order indices were not computed"):
        po.SobolIndices(first=np.zeros(1), total=np.zeros(1)).confidence_interval(index="second")


@pytest.mark.parametrize("level", [0.0, 1.0, -1, 95, math.nan])
def test_levels_outside_of_zero_and_one_are_refused(level):
    for result in (
        ALL["estimate"],
        ALL["attribution"],
        ALL["ranking"],
        ALL["curve"],
        ALL["sobol"],
        ALL["interactions"],
    ):
        with pytest.raises(ValueError, match="level: expected a number between 0 and 1"):
            result.confidence_interval(level)


def test_every_class_with_a_standard_error_has_an_interval():
    for name, result in ALL.items():
        if any("stderr" in f.name for f in dataclasses.fields(result)):
            assert hasattr(result, "confidence_interval"), name
    bounds = ALL["interactions"].confidence_interval()
    assert bounds.lower[(0, 1)] == pytest.approx(-0.5 - 1.959964 * 0.1, rel=1e-6)
    assert math.isnan(bounds.upper[(0,)])


# -- what the classes do


def test_a_scalar_estimate_is_a_number_and_has_no_arithmetic():
    e = ALL["estimate"]
    assert float(e) == 1.5
    assert np.asarray(e) == 1.5
    assert np.asarray(ALL["estimate_of_several"]).shape == (4,)
    with pytest.raises(TypeError, match="one number"):
        float(ALL["estimate_of_several"])
    with pytest.raises(TypeError):
        e + e
    with pytest.raises(ValueError, match="copy"):
        np.asarray(e, copy=False)


def test_rankings_put_the_best_first_ties_by_index_and_nan_last():
    r = ALL["ranking"]
    assert r.order.tolist() == [1, 2, 0, 3]
    assert r.top(2) == (NAMES[1], NAMES[2])
    with pytest.raises(ValueError, match="names: expected 2 names, received 1"):
        po.Ranking(scores=np.zeros(2), names=("a",))
    assert po.Ranking(scores=np.zeros(2)).names == ("x0", "x1")


def test_the_ranking_of_rows_is_the_mean_absolute_value_with_its_standard_error():
    values = np.array([[1.0, -2.0], [3.0, 2.0]])
    r = po.Attribution(values=values, names=("a", "b")).ranking()
    assert r.scores.tolist() == [2.0, 2.0]
    assert r.stderr.tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="choose one of the outputs yes, no"):
        po.Attribution(values=values, output_names=("yes", "no")).ranking()
    with pytest.raises(ValueError, match="choose one output first"):
        po.Attribution(values=np.zeros((2, 2, 2))).ranking()


def test_selections_know_mask_and_counts():
    s = ALL["selection"]
    assert s.mask.tolist() == [True, False, True, False]
    assert s.counts.tolist() == [1, 0, 2, 0]
    assert list(s._columns()) == ["index", "score", "weight"]


def test_interactions_as_a_matrix():
    assert ALL["interactions"].matrix().tolist() == [[1.0, -0.5], [-0.5, 2.0]]


def test_tables_are_rows_of_equal_columns():
    t = po.Table(columns={"a": [1, 2], "b": np.array(["x", "yy"], dtype=object)})
    assert len(t) == 2
    assert t["b"].dtype.kind == "U"
    assert list(t) == [{"a": 1, "b": "x"}, {"a": 2, "b": "yy"}]
    with pytest.raises(ValueError, match="columns: expected equal lengths"):
        po.Table(columns={"a": [1], "b": [1, 2]})


def test_an_old_name_warns_at_the_callers_line_with_its_replacement():
    def old_name():
        results.deprecated("po.old_name", "po.new_name", since="0.2")

    with pytest.warns(
        po.PonderaDeprecationWarning, match=r"po\.old_name is deprecated since 0\.2; use po\.new_name"
    ) as w:
        old_name()
    assert w[0].filename == __file__
    assert issubclass(po.PonderaDeprecationWarning, FutureWarning)
    for warning in (po.WeightWarning, po.ConvergenceWarning, po.WeakPrivacyWarning):
        assert issubclass(warning, po.ReliabilityWarning)
