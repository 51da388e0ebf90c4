"""The page of a report without a browser: escaping, policy, size, every kind of chart, missing numbers."""

from __future__ import annotations

import base64
import copy
import hashlib
import html.parser
import math
import re
import sys
from itertools import pairwise

import numpy as np
import pytest

from pondera.reporting import charts, text
from pondera.reporting.render import MAX_BYTES, render_html
from report_document import HOSTILE, hostile_document, report_document

pytest.importorskip("jinja2", reason="the report needs the extra 'report'")

KINDS = charts.KINDS


class Page(html.parser.HTMLParser):
    """Tags with their attributes, and all text outside script and style."""

    def __init__(self, source: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.raw = {"script": "", "style": ""}
        self._inside = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in self.raw else ""

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside:
            self.raw[self._inside] += data
        else:
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def one(kind: str, series: list[dict], **more) -> dict:
    chart = {
        "id": "c",
        "kind": kind,
        "title": "A chart",
        "x_label": "x",
        "y_label": "y",
        "table": "t",
        "series": series,
    }
    section = {"id": "s", "title": "S", "lead": "", "level": None, "notes": [], "charts": [chart | more], "tables": []}
    return {"schema_version": 1, "title": "T", "sections": [section]}


def tips(document: dict) -> list[str]:
    return [a["aria-label"] for tag, a in Page(render_html(document)).tags if tag == "g" and a.get("class") == "mark"]


def cells(kind: str, values: list) -> list[str]:
    return [f"{c.text} {c.reason}".strip() for c in text.column_cells(kind, values, 100)]


def test_the_same_document_gives_the_same_page_and_is_not_changed():
    document = report_document()
    before = copy.deepcopy(document)
    assert render_html(document) == render_html(document)
    assert repr(document) == repr(before)


def test_a_report_of_thirty_features_is_far_below_the_limit():
    assert len(render_html(report_document()).encode()) < 400_000


def test_the_policy_allows_the_own_script_and_style_and_nothing_else():
    page = Page(render_html(report_document()))
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))

    def digest(raw: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(raw.encode()).digest()).decode()}'"

    assert rules == {
        "default-src": "'none'",
        "style-src": digest(page.raw["style"]),
        "script-src": digest(page.raw["script"]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    head = [tag for tag, _ in page.tags]
    assert head.index("meta") < head.index("style")


def test_there_is_no_inline_style_handler_or_address():
    for document in (report_document(), hostile_document()):
        page = Page(render_html(document))
        for tag, attributes in page.tags:
            assert "style" not in attributes, tag
            assert not [name for name in attributes if name.startswith("on")], tag
            assert not {"src", "action", "srcset", "data", "poster"} & set(attributes), tag
            assert attributes.get("href", "#").startswith("#")
        source = page.raw["script"] + page.raw["style"]
        assert "url(" not in source
        assert "http" not in source
        assert "innerHTML" not in source


def test_hostile_texts_are_shown_and_make_no_element():
    page = Page(render_html(hostile_document()))
    assert not [t for t in ("img", "iframe", "object", "embed", "base", "link", "form", "template") if page.count(t)]
    assert page.count("script") == page.count("style") == 1
    assert "window.pwn" not in page.raw["script"]
    for hostile in HOSTILE[:8]:
        assert hostile in page.text
    calm = Page(render_html(report_document()))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in calm.tags}


def test_controls_and_direction_overrides_are_visible():
    page = render_html(hostile_document())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", page)
    for shown in (
        "⟨U+2028⟩",
        "⟨U+2029⟩",
        "right⟨U+202E⟩to left",
        "null⟨U+0000⟩",
        "⟨U+001B⟩[31m",
        "⟨U+D800⟩",
        "bom⟨U+FEFF⟩",
    ):
        assert shown in page
    page.encode()


def test_a_string_that_calls_itself_safe_is_escaped():
    from markupsafe import Markup

    document = report_document()
    document["title"] = Markup("<img src=x>")
    document["sections"][0]["charts"][0]["series"][0]["labels"][0] = Markup("<img src=y>")
    document["sections"][0]["tables"][0]["rows"][0][0] = Markup("<img src=z>")
    page = Page(render_html(document))
    assert page.count("img") == 0
    assert "<img src=x>" in page.text


def test_long_names_are_cut_in_the_middle_and_say_how_long_they_were():
    shown = text.visible("a" * 5000 + "z" * 5000, 40)
    assert shown == f"{'a' * 30} … {'z' * 10} (10,000 characters)"
    assert text.visible("x" * 40, 40) == "x" * 40


def test_anchors_are_safe_unique_and_reached_by_the_verdicts():
    ids = ['"><img src=x>', "weights", "Weights!", "weights-3", "weights", "", "a b"]
    document = report_document()
    document["sections"] = [
        {"id": i, "title": f"Section {n}", "lead": "", "level": None, "notes": [], "charts": [], "tables": []}
        for n, i in enumerate(ids)
    ]
    document["verdicts"] = [{"level": "note", "text": "t", "section": i} for i in [*ids, "nowhere"]]
    page = Page(render_html(document))
    anchors = [a["id"] for tag, a in page.tags if tag == "section" and a["id"] != "verdicts"]
    assert len(set(anchors)) == len(ids)
    assert all(re.fullmatch(r"section-[a-z0-9-]+", anchor) for anchor in anchors)
    links = [a["href"][1:] for tag, a in page.tags if tag == "a" and a["href"].startswith("#section")]
    # The contents name every section once, then each verdict that has a section leads to it.
    assert links == anchors + [anchors[ids.index(i)] for i in ids]


def test_identifiers_are_unique():
    for document in (report_document(), hostile_document()):
        ids = [a["id"] for _, a in Page(render_html(document)).tags if "id" in a]
        assert len(ids) == len(set(ids))


def test_headings_descend_by_one():
    page = Page(render_html(report_document()))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_empty_parts_are_allowed_everywhere():
    assert "Report" in render_html({"schema_version": 1})
    document = {
        "schema_version": 1,
        "title": None,
        "inputs": None,
        "verdicts": None,
        "sections": [
            {"id": None},
            {"id": "a", "charts": [{"kind": kind} for kind in KINDS], "tables": [{}, {"columns": [], "rows": [[]]}]},
            {"id": "b", "charts": [{"kind": kind, "series": [{"y": []}]} for kind in KINDS]},
        ],
    }
    page = Page(render_html(document))
    assert "Nothing to show." in page.text
    assert page.text.count("No numbers to draw.") == 2 * len(KINDS)
    assert page.text.count("No rows.") == 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_chart_has_a_focusable_mark_for_each_point_with_its_numbers(kind):
    n = 5
    series = [
        {
            "name": name,
            "labels": [f"row {i}" for i in range(n)],
            "x": list(range(n + 1)),
            "y": [1.5 + i for i in range(n)],
            "lower": [1.0 + i for i in range(n)],
            "upper": [2.25 + i for i in range(n)],
        }
        for name in ("one", "two")
    ]
    page = Page(render_html(one(kind, series)))
    marks = [a for tag, a in page.tags if tag == "g" and a.get("class") == "mark"]
    assert len(marks) == (2 * n if kind == "scatter" else n)
    assert [a["tabindex"] for a in marks] == ["0"] + ["-1"] * (len(marks) - 1)
    assert "3.50 (3 to 4.25)" in marks[2]["aria-label"]
    if kind != "scatter":
        assert all("one" in a["aria-label"] and "two" in a["aria-label"] for a in marks)
    assert [a for tag, a in page.tags if tag == "svg" and "chart" in (a.get("aria-label") or "")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        [math.nan, math.inf, -math.inf, None, 1.0],
        [None] * 5,
        [0.0] * 5,
        [3.0] * 5,
        [1e308, -1e308, 1e-320, 5e-324, -5e-324],
        [1e-300] * 5,
        [1.0, 1.0 + 1e-15, 1.0, 1.0, 1.0],
        [-1.0, -2.0, -3.0, -4.0, -1e-9],
        np.array([1.0, np.nan, 2.0, np.inf, 3.0]),
        [np.float32(1), np.int64(2), True, 10**400, "constant column"],
    ],
    ids=lambda values: str(values)[:30],
)
def test_no_value_breaks_a_chart(kind, log, values):
    series = [{"name": "s", "x": [0, 1, 2, 3, 4, 5], "y": values, "lower": values, "upper": values}]
    lines = [{"value": 2.0, "axis": "y", "label": "two"}, {"value": math.nan, "axis": "x", "label": "none"}]
    page = render_html(one(kind, series, log=log, reference_lines=lines))
    for tag, attributes in Page(page).tags:
        for name in ("x", "y", "x1", "x2", "y1", "y2", "width", "height", "d", "cx"):
            assert not re.search("nan|inf|None|e[+-]", attributes.get(name) or "", re.IGNORECASE), (tag, attributes)


def test_missing_numbers_show_a_dash_and_their_reason():
    values = [math.nan, math.inf, None, "constant column", "nan", 0.5, 10**400]
    expected = ["– undefined", "– infinite", "–", "– constant column", "– undefined", "0.500", "– infinite"]
    assert cells("number", values) == expected
    assert cells("interval", [[0.1, 0.25], [math.nan, math.nan], [None, None], [-1.0, math.inf], "too few rows"]) == [
        "0.100 to 0.250", "– undefined", "–", "−1.000 to –", "– too few rows",
    ]  # fmt: skip
    assert cells("p", [0.0, 0.00099, 0.001, 0.04999, 1.0, math.nan]) == [
        "<0.001", "<0.001", "0.001", "0.050", "1.000", "– undefined",
    ]  # fmt: skip
    labels = ["a", "b", "c", "d"]
    assert tips(one("bar", [{"labels": labels, "y": [math.nan, math.inf, None, "constant column"]}])) == [
        "a\n– undefined", "b\n– infinite", "c\n–", "d\n– constant column",
    ]  # fmt: skip


def test_numbers_of_a_column_share_their_decimals_unless_a_value_would_vanish():
    assert cells("number", [12.5, 1.25, 0.125, 0.0]) == ["12.50", "1.25", "0.12", "0.00"]
    assert cells("number", [0.5, 0.25, 0.00001]) == ["0.500", "0.250", "1.00e−5"]
    assert cells("number", [0.54, 0.0123, 0.0456, 0.0789]) == ["0.540", "0.012", "0.046", "0.079"]
    assert cells("number", [0.00123, 0.00456]) == ["0.00123", "0.00456"]
    assert cells("number", [1, 20, 3000]) == ["1", "20", "3,000"]
    assert cells("number", [np.int64(7), np.float64(1.5), np.bool_(True), True]) == ["7.00", "1.50", "yes", "yes"]
    assert cells("number", [1.5e9, 2.5e-9, -3.0]) == ["1,500,000,000", "2.50e−9", "−3.00"]


def test_number_cells_carry_the_full_value_for_sorting():
    values = [0.123456789, math.nan, [0.5, 0.75], 1e300]
    assert [cell.key for cell in text.column_cells("number", values, 100)] == [0.123456789, None, 0.5, 1e300]


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0, 1.0], ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([0.0, 1234.0], ["0", "250", "500", "750", "1000", "1250"]),
        ([-0.03, 0.02], ["−0.03", "−0.02", "−0.01", "0", "0.01", "0.02"]),
        ([0.0, 4e7], ["0", "1e7", "2e7", "3e7", "4e7"]),
        ([], ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks_are_round(values, ticks):
    assert [label for _, label in charts.Scale(values, zero=True).ticks()] == ticks


def test_scales_are_linear_and_logarithmic():
    scale = charts.Scale([0.0, 10.0], zero=True)
    # Zero is the edge of bars; above is 4% of the span, cut at the next tick, which is the maximum itself.
    assert [scale.at(v) for v in (0.0, 2.5, 10.0)] == [0.0, 0.25, 1.0]
    log = charts.Scale([1.0, 1e4], log=True)
    assert [log.at(v) for v in (1.0, 100.0, 1e4, 0.0, -1.0, None)] == [0.0, 0.5, 1.0, None, None, None]


def test_bars_of_different_label_lists_are_matched_by_name():
    series = [
        {"name": "a", "labels": ["x", "y"], "y": [1.0, 2.0]},
        {"name": "b", "labels": ["y", "z"], "y": [3.0, 4.0]},
    ]
    assert tips(one("bar", series)) == ["x\na: 1", "y\na: 2\nb: 3", "z\nb: 4"]


def test_equal_names_of_two_columns_keep_their_own_values():
    assert tips(one("bar", [{"labels": ["x", "x"], "y": [1.0, 2.0]}])) == ["x\n1", "x\n2"]


def test_large_charts_and_tables_are_cut_and_say_so():
    n = 5000
    document = one("bar", [{"labels": [f"f{i}" for i in range(n)], "y": list(range(n))}])
    document["sections"][0]["tables"] = [
        {"id": "t", "title": "T", "columns": [{"name": "f", "kind": "text"}], "rows": [[f"f{i}"] for i in range(n)]}
    ]
    page = Page(render_html(document))
    assert "The first 60 of 5,000 rows are drawn." in page.text
    assert "The first 300 of 5,000 rows." in page.text
    line = tips(one("line", [{"x": list(range(n)), "y": list(range(n))}]))
    assert len(line) == 240
    assert line[0] == "x: 0\ny: 0"
    assert line[-1] == "x: 4,999\ny: 4,999"


def test_the_largest_document_stays_below_three_megabytes():
    name = "\u202e" * 10_000
    columns = [{"name": name, "kind": kind, "unit": name} for kind in ("text", "number", "p", "interval") * 8]
    many = list(range(2000))
    series = [
        {"name": name, "labels": [name] * 2000, "x": many, "y": many, "lower": many, "upper": many} for _ in range(9)
    ]
    tables = [{"id": f"t{i}", "title": name, "columns": columns, "rows": [[name] * 32] * 1000} for i in range(20)]
    texts = dict.fromkeys(("id", "title", "x_label", "y_label"), name)
    drawn = [{**texts, "kind": KINDS[i % 5], "table": f"t{i}", "series": series} for i in range(20)]
    section = {"title": name, "lead": name, "level": "bad", "notes": [name] * 1000, "charts": drawn, "tables": tables}
    document = {
        "schema_version": 1,
        "title": name,
        "verdicts": [{"level": "bad", "text": name, "section": "s1"}] * 1000,
        "sections": [section | {"id": f"s{i}"} for i in range(60)],
    }
    page = render_html(document)
    assert 100_000 < len(page.encode()) <= MAX_BYTES
    assert "more sections are in the JSON file" in page


def test_a_chart_without_its_own_table_leads_to_the_one_it_shares():
    document = one("bar", [{"labels": ["a"], "y": [1.0]}])
    section = document["sections"][0]
    section["charts"] *= 2
    section["tables"] = [{"id": "t", "title": "T", "columns": [{"name": "v", "kind": "number"}], "rows": [[1.0]]}]
    page = Page(render_html(document))
    assert page.count("details") == page.count("table") == 1
    assert [a for tag, a in page.tags if tag == "a" and a["href"] == "#table-1-1"]


@pytest.mark.parametrize(
    ("document", "error", "words"),
    [
        ([], TypeError, "document: expected a mapping, received list"),
        ({}, ValueError, "document: expected schema_version 1, received None"),
        ({"schema_version": 2}, ValueError, "received 2"),
        (one("pie", []), ValueError, "chart kind: expected one of bar, .*received 'pie'"),
        (
            {"schema_version": 1, "sections": [{"tables": [{"columns": [{"name": "a", "kind": "money"}]}]}]},
            ValueError,
            "column kind: expected one of text, .*received 'money'",
        ),
    ],
)
def test_wrong_documents_are_refused_in_words(document, error, words):
    with pytest.raises(error, match=words):
        render_html(document)


def test_without_jinja_the_error_names_the_extra(monkeypatch):
    from pondera.reporting import render

    render._template.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"pip install 'pondera\[report\]'"):
        render_html({"schema_version": 1})
