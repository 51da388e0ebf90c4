"""``progress=``: a tqdm bar, or the caller's function of (done, total)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def meter(progress: Any, unit: str = "it") -> Iterator[Callable[..., None]]:
    """Yields ``show(done, total, *stage)``. `progress` is False, True (needs tqdm), or a callable of the same."""
    if callable(progress):
        yield progress
    elif progress:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ImportError("progress=True needs tqdm: pip install 'pondera[progress]'") from None
        with tqdm(unit=unit) as bar:

            def show(done: int, total: int, *stage: str) -> None:
                bar.total = total
                if stage:
                    bar.set_description(stage[0], refresh=False)
                bar.update(done - bar.n)

            yield show
    else:
        yield lambda done, total, *stage: None


@contextmanager
def track(progress: Any, total: int) -> Iterator[Callable[[int], None]]:
    """Yields ``advance(n)``, for work that is counted as it is done."""
    done = 0
    with meter(progress) as show:

        def advance(n: int) -> None:
            nonlocal done
            done += n
            show(done, total)

        yield advance
