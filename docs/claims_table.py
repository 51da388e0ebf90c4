"""Writes docs/claims.md from the stored results of the claims, failures included."""

from __future__ import annotations

import json
from pathlib import Path

HEAD = """# Claims

Each published system is re-enacted at laptop scale against a fairly tuned baseline, over several seeds
(`nox -s claims`, or `pondera claims run NAME` in a source checkout). A claim that did not reproduce is listed as such,
with the reason. This page is generated from the stored results.

"""


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str("" if value is None else value)
    return text.replace("|", "\\|").replace("\n", " ")


def write(results: Path, target: Path) -> None:
    """One section for each stored result, in the order of their names."""
    parts = [HEAD]
    for path in sorted(results.glob("*.json")):
        data = json.loads(path.read_text())
        verdict = "reproduced" if data["reproduced"] else "**not reproduced**"
        verdict += " (quick run)" if data.get("quick") else ""
        parts.append(
            f"## {data['plugin']}: {data['title']}\n\n{verdict.capitalize()}; seeds: {_cell(data.get('seeds', ''))}."
        )
        parts.append(f" {data['reason']}\n\n" if data.get("reason") else "\n\n")
        parts.append("| measured | ours | baseline | paper |\n| --- | --- | --- | --- |\n")
        for row in data["rows"]:
            parts.append("| " + " | ".join(_cell(row.get(k)) for k in ("name", "ours", "baseline", "paper")) + " |\n")
        parts.append("\n")
    text = "".join(parts)
    if not target.exists() or target.read_text() != text:
        target.write_text(text)
