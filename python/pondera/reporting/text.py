"""Values as people read them: bounded, visible text and numbers of three digits.

Names in a report come from strangers' files. `visible` is the only way by which they enter the page's document: it
bounds their length and shows what would otherwise act unseen (controls, line separators, direction overrides).
Escaping is not done here; that is the template's part.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

MISSING = "–"

# Joiners shape letters in several scripts and emoji; they neither reorder nor break lines.
_KEPT = "\u200c\u200d"
_SUSPECT = re.compile(r"[^ -~]")


def _shown(match: re.Match[str]) -> str:
    char = match.group()
    # Cc, Cf, Cs, Zl, Zp: controls, formats (direction overrides), lone surrogates, line and paragraph separators.
    if char in _KEPT or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return char
    return f"⟨U+{ord(char):04X}⟩"


def visible(value: object, limit: int) -> str:
    """`value` as plain text of about `limit` characters: the middle of a longer one is left out, its length stated."""
    # An exact str: a subclass could claim to be safe markup.
    text = "" if value is None else str.__str__(value if isinstance(value, str) else str(value))
    length = len(text)
    if length <= limit:
        return _SUSPECT.sub(_shown, text)
    tail = limit // 4
    head, end = (_SUSPECT.sub(_shown, part) for part in (text[: limit - tail], text[length - tail :]))
    return f"{head} … {end} ({length:,} characters)"


def finite(value: object) -> float | None:
    """`value` as a finite float, else None."""
    if not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def why_missing(value: object) -> str:
    """The reason that a number is not there, as far as the value itself tells."""
    if value is None:
        return ""
    if isinstance(value, Real):
        try:
            return "undefined" if math.isnan(float(value)) else "infinite"
        except OverflowError:
            return "infinite"
    return {"nan": "undefined", "inf": "infinite", "-inf": "infinite"}.get(str(value).lower(), str(value))


def number(value: float, decimals: int | None = None) -> str:
    """Three significant digits, or the column's decimals unless they would hide the value.

    >>> number(0.04231), number(1234.0), number(-2.5e-7), number(0.2, 3)
    ('0.0423', '1,234', '−2.50e−7', '0.200')
    """
    size = abs(value)
    if size and (size >= 1e6 or size < 1e-4) and not (float(value).is_integer() and size < 1e12):
        mantissa, exponent = f"{value:.2e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    elif decimals is not None and (size == 0 or 0.5 * 10.0**-decimals <= size < 1e6):
        text = f"{value:,.{decimals}f}"
    elif float(value).is_integer():
        text = f"{int(value):,}"
    else:
        text = f"{value:,.{_decimals(size)}f}"
    return text.replace("-", "−")


def _decimals(size: float) -> int:
    return min(max(2 - math.floor(math.log10(size)), 0), 6) if size else 0


def p_value(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


class Cell(NamedTuple):
    """One table cell: what is shown, why it is missing, and what it sorts by."""

    text: str
    reason: str = ""
    key: float | None = None


def _ends(value: object) -> tuple[object, object] | None:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        return None
    return value[0], value[1]


def _common_decimals(values: list[float]) -> int | None:
    """Decimals that give a column's middle value three digits, but at most three decimals unless even the largest
    value needs more; None for whole numbers."""
    sizes = sorted(abs(v) for v in values if v and abs(v) < 1e6)
    if not sizes or all(float(v).is_integer() for v in values):
        return None
    return min(_decimals(sizes[len(sizes) // 2]), max(_decimals(sizes[-1]), 3))


def column_cells(kind: str, values: list[Any], limit: int) -> list[Cell]:
    """The cells of one column. Text in a numeric column is the reason why the number is missing."""
    if kind == "text":
        return [Cell(visible(value, limit)) for value in values]
    numbers = [x for value in values for x in map(finite, _ends(value) or (value,)) if x is not None]
    decimals = _common_decimals(numbers)

    def cell(value: Any) -> Cell:
        if hasattr(value, "dtype") and hasattr(value, "item"):  # a NumPy scalar
            value = value.item()
        if isinstance(value, bool):
            return Cell("yes" if value else "no", key=float(value))
        if ends := _ends(value):
            low, high = map(finite, ends)
            if low is None and high is None:
                return Cell(MISSING, visible(why_missing(ends[0]), limit))
            shown = (MISSING if x is None else number(x, decimals) for x in (low, high))
            return Cell(" to ".join(shown), key=low if low is not None else high)
        x = finite(value)
        if x is None:
            return Cell(MISSING, visible(why_missing(value), limit))
        return Cell(p_value(x) if kind == "p" else number(x, decimals), key=x)

    return [cell(value) for value in values]
