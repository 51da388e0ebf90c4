"""The page of a report: a document of plain values becomes one HTML file.

`render_html` bounds and cleans every text of the document (`text.py`), lays out the charts (`charts.py`) and fills the
autoescaping template `page/page.html`. The file needs no network and holds no raw rows; its content security policy
allows nothing but its own script and style, by hash. README.md in this folder describes the document.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .charts import MAX_SERIES, Limits, draw
from .text import column_cells, finite, number, visible

__all__ = ["MAX_BYTES", "render_html"]

MAX_BYTES = 2_900_000  # below 3 MB whatever the data
MAX_PARTS = 40_000  # about as many table cells fit
LEVELS = ("good", "note", "warn", "bad")
_COLUMN_KINDS = ("text", "number", "p", "interval")
_PAGE = Path(__file__).parent / "page"


def render_html(document: Mapping[str, Any]) -> str:
    """The document of a report as one self-contained HTML page below 3 MB.

    Parameters
    ----------
    document : mapping
        Title, inputs, verdicts and sections with charts and tables; see README.md in this folder. Texts may be
        hostile: they are shown, never run.

    Returns
    -------
    str
        HTML that can be written as UTF-8. The same document gives the same text.

    Raises
    ------
    ImportError
        If Jinja is missing.
    ValueError
        If the document has another schema version or a chart or column of unknown kind.

    Notes
    -----
    Where the page would grow too large, fewer rows, points and characters are shown, and the page says how many.

    Examples
    --------
    >>> from pondera.reporting.render import render_html
    >>> page = render_html({"schema_version": 1, "title": "<b>x</b>", "sections": []})
    >>> "&lt;b&gt;x&lt;/b&gt;" in page, "<b>" in page
    (True, False)
    """
    template = _template()
    if not isinstance(document, Mapping):
        raise TypeError(f"document: expected a mapping, received {type(document).__name__}")
    if document.get("schema_version") != 1:
        raise ValueError(f"document: expected schema_version 1, received {document.get('schema_version')!r}")
    limits = Limits()
    while _parts(document, limits) > MAX_PARTS:
        limits = limits.halved()
    style, script = _asset("page.css"), _asset("page.js")
    while True:
        page = template.render(
            page=_page(document, limits), style=style, script=script, style_hash=_hash(style), script_hash=_hash(script)
        )
        if len(page.encode()) <= MAX_BYTES:
            return str(page)
        limits = limits.halved()


def _parts(document: Mapping[str, Any], limits: Limits) -> int:
    """Table cells and drawn points within the limits: what the size and the time of the page grow with."""
    total = 0
    for section in _some(document.get("sections"), limits.sections):
        for table in _some(section.get("tables"), limits.tables):
            rows, columns = (len(_all(table.get(key))) for key in ("rows", "columns"))
            total += min(rows, limits.rows) * min(columns, limits.columns)
        for chart in _some(section.get("charts"), limits.charts):
            most = limits.bars if chart.get("kind") in ("bar", "interval") else 2 * limits.points
            total += sum(min(len(_all(s.get("y"))), most) for s in _some(chart.get("series"), MAX_SERIES))
    return total


@cache
def _template() -> Any:
    try:
        import jinja2
    except ImportError:
        raise ImportError("the report needs Jinja: pip install 'pondera[report]'") from None
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


@cache
def _asset(name: str) -> Any:
    """One of our own files, which the template may insert as it is."""
    from markupsafe import Markup

    return Markup((_PAGE / name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _page(document: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """Everything that the template shows, bounded and visible."""
    sources = [dict(s) for s in _some(document.get("sections"), limits.sections)]
    anchors = _anchors([str(s.get("id", "")) for s in sources])
    where = {str(s.get("id", "")): i for i, s in reversed(list(enumerate(sources)))}
    sections = [_section(s, anchor, i, limits) for i, (s, anchor) in enumerate(zip(sources, anchors))]
    verdicts = []
    for verdict in _some(document.get("verdicts"), limits.verdicts):
        place = where.get(str(verdict.get("section", "")))
        verdicts.append(
            {
                "level": _level(verdict.get("level")) or "note",
                "text": visible(verdict.get("text"), limits.prose),
                "anchor": None if place is None else anchors[place],
                "section": "" if place is None else sections[place]["title"],
            }
        )
    created = visible(document.get("created"), 40)
    return {
        "title": visible(document.get("title") or "Report", limits.name),
        "version": visible(document.get("pondera"), 40),
        "created": re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*$", r"\1 \2", created),
        "inputs": _inputs(document.get("inputs") or {}, limits),
        "verdicts": verdicts,
        "sections": sections,
        "left_out": max(len(_all(document.get("sections"))) - limits.sections, 0),
    }


def _all(value: Any) -> list[Any]:
    return [] if value is None else list(value)


def _some(value: Any, limit: int) -> list[Any]:
    return _all(value)[:limit]


def _level(value: Any) -> str | None:
    return value if value in LEVELS else None


def _anchors(ids: list[str]) -> list[str]:
    """Unique fragment names of safe letters, close to the ids."""
    out: list[str] = []
    for i, name in enumerate(ids):
        slug = re.sub(r"[^a-z0-9]+", "-", name[:60].lower()).strip("-")
        anchor = f"section-{slug}" if slug else f"section-{i + 1}"
        out.append(anchor if anchor not in out else f"{anchor}-{i + 1}")
    return out


def _inputs(source: Mapping[str, Any], limits: Limits) -> list[dict[str, str]]:
    out = []
    for key, title in (("reference", "Reference"), ("target", "Target")):
        sample = source.get(key)
        if not isinstance(sample, Mapping):
            continue
        rows, used, columns = (finite(sample.get(k)) for k in ("rows", "used_rows", "columns"))
        detail = [] if rows is None else [_counted(rows, "row")]
        detail += [] if columns is None else [_counted(columns, "column")]
        if used is not None and used != rows:
            detail.append(f"{_counted(used, 'row')} used")
        out.append({"title": title, "text": visible(sample.get("name"), limits.name), "detail": " · ".join(detail)})
    for key, title in (("label", "Label"), ("task", "Task"), ("model", "Model"), ("seed", "Seed")):
        if source.get(key) is not None:
            out.append({"title": title, "text": visible(source[key], limits.name), "detail": ""})
    return out


def _counted(n: float, noun: str) -> str:
    return f"{number(n)} {noun}{'' if n == 1 else 's'}"


def _section(source: Mapping[str, Any], anchor: str, place: int, limits: Limits) -> dict[str, Any]:
    tables = {str(t.get("id", i)): t for i, t in enumerate(_some(source.get("tables"), limits.tables))}
    shown = {key: _table(table, f"table-{place + 1}-{i + 1}", limits) for i, (key, table) in enumerate(tables.items())}
    charts = []
    taken: set[str] = set()
    for i, chart in enumerate(_some(source.get("charts"), limits.charts)):
        key = str(chart.get("table"))
        own = key in shown and key not in taken
        taken.add(key)
        charts.append(
            {
                "id": f"chart-{place + 1}-{i + 1}",
                "title": visible(chart.get("title"), limits.name),
                "drawing": draw(chart, limits),
                "table": shown[key] if own else None,
                "elsewhere": shown[key]["id"] if key in shown and not own else None,
            }
        )
    hidden = [
        f"{len(_all(source.get(key))) - limit} more {key} are in the JSON file."
        for key, limit in (("charts", limits.charts), ("tables", limits.tables))
        if len(_all(source.get(key))) > limit
    ]
    return {
        "anchor": anchor,
        "title": visible(source.get("title") or "Untitled", limits.name),
        "lead": visible(source.get("lead"), limits.prose),
        "level": _level(source.get("level")),
        "notes": [visible(note, limits.prose) for note in _some(source.get("notes"), limits.notes)] + hidden,
        "charts": charts,
        "tables": [table for key, table in shown.items() if key not in taken],
    }


def _table(source: Mapping[str, Any], identity: str, limits: Limits) -> dict[str, Any]:
    columns = _some(source.get("columns"), limits.columns)
    rows = _all(source.get("rows"))
    shown = [_all(row) for row in rows[: limits.rows]]
    out = []
    cells = []
    for j, column in enumerate(columns):
        kind = column.get("kind", "text")
        if kind not in _COLUMN_KINDS:
            raise ValueError(f"document: column kind: expected one of {', '.join(_COLUMN_KINDS)}, received {kind!r}")
        out.append(
            {"name": visible(column.get("name"), limits.name), "kind": kind, "unit": visible(column.get("unit"), 40)}
        )
        cells.append(column_cells(kind, [row[j] if j < len(row) else None for row in shown], limits.name))
    note = []
    if len(shown) < len(rows):
        note.append(f"The first {len(shown):,} of {len(rows):,} rows.")
    if len(columns) < len(_all(source.get("columns"))):
        note.append(f"The first {len(columns)} of {len(_all(source.get('columns')))} columns.")
    return {
        "id": identity,
        "title": visible(source.get("title"), limits.name),
        "columns": out,
        "rows": list(zip(*cells)) if cells else [],
        "note": " ".join([*note, "The JSON file has all of them."] if note else []),
    }
