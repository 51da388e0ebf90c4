"""Distributions made for a test: a module, and the metadata that advertises a plugin."""

from __future__ import annotations

import textwrap
from pathlib import Path


def install(folder: Path, entry_point: str, module: str, code: str, attribute: str = "plugin") -> None:
    """Write `module` and a dist-info with one entry point into `folder`, which the test puts on ``sys.path``."""
    (folder / f"{module}.py").write_text(textwrap.dedent(code))
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pondera.plugins]\n{entry_point} = {module}:{attribute}\n")


PLUGIN = """
    import pondera as po
    {before}
    plugin = po.Plugin("{name}", "made for a test", [
        po.Method(name="{method}", target="{target}", kind="estimate", unit="samples", summary="A mean",
                  source="doi:10.0/0", example="methods_for_the_kit:example"),
    ])
"""


def plugin(
    name: str, method: str = "fair_mean", target: str = "methods_for_the_kit:fair_mean", before: str = ""
) -> str:
    """Code of a module that holds a plugin of one method."""
    return PLUGIN.format(name=name, method=method, target=target, before=before)
