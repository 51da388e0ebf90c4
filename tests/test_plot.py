"""Pictures: every plot of every result, by both backends, with the error bars that the numbers have."""

from __future__ import annotations

import os

import numpy as np
import pytest

import pondera as po
from results_of_all_classes import ALL, NAMES

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

DRAWN = {name: result for name, result in ALL.items() if hasattr(result, "plot")}


def axes_of(result, **keywords):
    axes = result.plot(**keywords)
    axes.figure.savefig(os.devnull, format="png")  # draws it
    return axes


@pytest.mark.parametrize("result", DRAWN.values(), ids=DRAWN.keys())
def test_every_plot_draws_on_agg_shows_nothing_and_keeps_the_axes_given(result):
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    axes_of(result)
    assert pyplot.get_fignums() == before
    from matplotlib.figure import Figure

    mine = Figure().add_subplot()
    assert result.plot(ax=mine) is mine


@pytest.mark.parametrize("result", DRAWN.values(), ids=DRAWN.keys())
def test_every_plot_draws_with_plotly_and_its_labels_hold_no_tags(result):
    pytest.importorskip("plotly")
    figure = result.plot(backend="plotly")
    assert "<script" not in figure.to_json().replace("\\u003c", "<")
    with pytest.raises(ValueError, match="ax: plotly"):
        result.plot(backend="plotly", ax=1)


@pytest.mark.parametrize("result", DRAWN.values(), ids=DRAWN.keys())
def test_unknown_kinds_and_backends_are_refused(result):
    with pytest.raises(ValueError, match="kind: expected"):
        result.plot("pie")
    with pytest.raises(ValueError, match="backend: expected 'matplotlib' or 'plotly'"):
        result.plot(backend="ggplot")


def test_whiskers_end_at_the_interval_and_unknown_errors_have_none():
    a = ALL["attribution"]
    axes = axes_of(a)
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == [NAMES[1], NAMES[0], NAMES[2], NAMES[3]]  # the largest first
    (whiskers,) = [c for c in axes.collections if hasattr(c, "get_segments")]
    ends = [(s[0, 0], s[1, 0], s[0, 1]) for s in whiskers.get_segments()]
    lower, upper = a.confidence_interval()
    expected = [(lower[i], upper[i], row) for row, i in enumerate([1, 0, 2, 3]) if i != 2]
    np.testing.assert_allclose(ends, expected, rtol=1e-6)
    assert axes.yaxis_inverted()
    assert axes.get_xlabel() == "value, 95% interval"


def test_sobol_bars_carry_stored_intervals_or_those_of_their_standard_errors():
    s = po.SobolIndices(
        first=np.array([0.3]), total=np.array([0.5]), first_stderr=np.array([0.1]),
        total_interval=po.Interval(np.array([0.4]), np.array([0.9])), names=("heat",),
    )  # fmt: skip
    axes = axes_of(s)
    ends = [(c.get_segments()[0][0, 0], c.get_segments()[0][1, 0]) for c in axes.collections]
    np.testing.assert_allclose(ends, [(0.3 - 0.1959964, 0.3 + 0.1959964), (0.4, 0.9)], rtol=1e-6)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["first", "total"]


def test_a_curve_has_its_band():
    axes = axes_of(ALL["curve"])
    (band,) = axes.collections
    top = band.get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(1.0 + 1.959964 * 0.1, rel=1e-6)


def test_maps_are_symmetric_around_zero_and_survive_nan():
    axes = axes_of(po.Attribution(values=np.array([[1.0, np.nan], [-3.0, 0.0]])))
    assert axes.images[0].get_clim() == (-3.0, 3.0)
    assert axes_of(po.Attribution(values=np.zeros((2, 2)))).images[0].get_clim() == (-1.0, 1.0)


def test_results_of_several_outputs_ask_for_one():
    with pytest.raises(ValueError, match="choose one row or output first"):
        po.Attribution(values=np.zeros((2, 2, 2))).plot()
    with pytest.raises(ValueError, match="choose one output first"):
        po.SobolIndices(first=np.zeros((2, 2)), total=np.zeros((2, 2))).plot()
    with pytest.raises(TypeError, match="no picture of a Table"):
        po.plot.draw(ALL["table"])
