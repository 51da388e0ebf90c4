"""``progress=``: a tqdm bar, or the caller's function of (done, total)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def track(progress: Any, total: int) -> Iterator[Callable[[int], None]]:
    """Yields ``advance(n)``. `progress` is False, True (needs tqdm) or a callable ``progress(done, total)``."""
    if callable(progress):
        done = 0

        def advance(n: int) -> None:
            nonlocal done
            done += n
            progress(done, total)

        yield advance
    elif progress:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError("progress=True needs tqdm: pip install 'pondera[progress]'") from None
        with tqdm(total=total) as bar:
            yield bar.update
    else:
        yield lambda n: None
