"""The command line: ``pondera list``, ``show``, ``report``, ``doctor``, ``claims``, ``new-plugin``.

Exit codes: 0 done, 1 the analysis failed, 2 wrong usage or input, or a missing package. Errors are one line on stderr,
with a traceback under ``--debug``. Only what a command needs is imported, inside it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    try:
        import click  # noqa: F401
        import rich  # noqa: F401
    except ModuleNotFoundError as error:
        print(f"pondera: the command line needs {error.name}: pip install 'pondera[cli]'", file=sys.stderr)
        raise SystemExit(2) from None
    from ._app import app

    app(args, prog_name="pondera")
