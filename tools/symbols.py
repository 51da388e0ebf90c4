"""Fails if the extension has a weak symbol outside ``pondera::`` that an instruction-set build could have supplied.

The AVX builds of the hot loops may define nothing that the linker could pick for everyone: a std template compiled with
AVX flags would crash older CPUs. Give object files or static libraries too, or let the tool find them.

    python tools/symbols.py path/to/_core.so [objects...]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def weak_symbols(path: Path) -> list[str]:
    """Demangled weak definitions of an object file."""
    listing = subprocess.run(["nm", "-C", "--defined-only", str(path)], check=True, capture_output=True, text=True)
    out = []
    for line in listing.stdout.splitlines():
        parts = line.split(maxsplit=2)
        if len(parts) == 3 and parts[1] in "WwVvu":
            out.append(parts[2])
    return out


def main() -> int:
    extension = Path(sys.argv[1])
    objects = [Path(p) for p in sys.argv[2:]]
    if not objects:
        root = Path(__file__).resolve().parent.parent
        objects = [p for p in root.glob("build/**/pondera_isa_*.dir/**/*.o") if "baseline" not in str(p)]
    if not objects:
        print("symbols: no AVX object files found; build first")
        return 1
    bad = {
        f"{path.parent.name}/{path.name}: {name}"
        for path in objects
        for name in weak_symbols(path)
        if not name.replace(", ", ",")  # template arguments
        .removeprefix("vtable for ")
        .removeprefix("guard variable for ")
        .split("(")[0]
        .rpartition(" ")[2]
        .startswith("pondera::")
    }
    for line in sorted(bad):
        print(f"weak symbol outside pondera:: in {line}")
    print(f"symbols: {extension.name}, {len(objects)} AVX object files, {len(bad)} stray weak symbols")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
