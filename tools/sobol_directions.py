"""Writes python/pondera/_data/sobol_directions.npz from the table of Joe and Kuo (new-joe-kuo-6.21201).

    python tools/sobol_directions.py [TABLE]

TABLE is the authors' text file; without it, the same numbers are taken from the copy that SciPy's wheel carries. The
library itself reads its own file only. `polynomials` (d,) holds each dimension's primitive polynomial with all its
bits, `initial` (18, d) the numbers m_1..m_s of each dimension, s its polynomial's degree, then zeros.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parent.parent / "python/pondera/_data/sobol_directions.npz"
Rows = list[tuple[int, list[int]]]


def from_text(path: Path) -> Rows:
    rows: Rows = [(1, [])]  # the first dimension has no numbers
    for line in path.read_text().splitlines()[1:]:
        _, s, a, *m = map(int, line.split())
        rows.append((1 << s | a << 1 | 1, m))
    return rows


def from_scipy() -> Rows:
    import scipy.stats

    table = np.load(Path(scipy.stats.__file__).parent / "_sobol_direction_numbers.npz")
    return [(int(p), [int(m) for m in row[: int(p).bit_length() - 1]]) for p, row in zip(table["poly"], table["vinit"])]


def main() -> None:
    rows = from_text(Path(sys.argv[1])) if len(sys.argv) > 1 else from_scipy()
    assert len(rows) == 21201
    initial = np.zeros((18, len(rows)), dtype=np.uint32)
    for k, (polynomial, m) in enumerate(rows):
        assert len(m) == polynomial.bit_length() - 1
        assert all(x % 2 == 1 and x < 2 << i for i, x in enumerate(m))
        initial[: len(m), k] = m
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, polynomials=np.array([p for p, _ in rows], dtype=np.uint32), initial=initial)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
