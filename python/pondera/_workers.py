"""How many threads a kernel may use: ``workers=``, ``po.threads`` and the environment."""

from __future__ import annotations

import functools
import math
import operator
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MAX = 1024
_local = threading.local()


@functools.cache
def _container_quota() -> int | None:
    """CPUs of the container's quota (cgroup v2, then v1), rounded up; None without one."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()[:2]
    except (OSError, ValueError):
        try:
            quota = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text().strip()
            period = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    try:
        q, p = int(quota), int(period)
    except ValueError:  # "max"
        return None
    return max(1, math.ceil(q / p)) if q > 0 and p > 0 else None


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available() -> int:
    """CPUs this process may use: its affinity, capped by the container's quota."""
    return min(_affinity(), _container_quota() or _MAX)


def _from_environment(name: str) -> int | None:
    text = os.environ.get(name, "").split(",")[0].strip()
    if not text:
        return None
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise ValueError(f"{name}: expected a positive integer, received {text!r}")
    return value


def default() -> tuple[int, str]:
    """The number of threads where neither ``workers=`` nor `threads` says one, and where it comes from."""
    for name in ("PONDERA_NUM_THREADS", "OMP_NUM_THREADS"):
        n = _from_environment(name)
        if n:
            return min(n, _MAX), name
    n = available()
    return n, "the CPUs this process may use" if n == _affinity() else "the container's CPU quota"


def resolve(workers: int | None) -> int:
    """The number of threads for a call with this ``workers=``."""
    if workers is None:
        inherited: int | None = getattr(_local, "workers", None)
        if inherited is not None:
            return inherited
        return default()[0]
    if isinstance(workers, bool):
        raise TypeError("workers: expected an integer or None, received a bool")
    try:
        n = operator.index(workers)
    except TypeError:
        raise TypeError(f"workers: expected an integer or None, received {type(workers).__name__}") from None
    if n == -1:
        return min(available(), _MAX)
    if n < 1:
        raise ValueError(f"workers: expected a positive number, -1 (all) or None, received {n}")
    return min(n, _MAX)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Use `n` threads in this thread's calls of pondera while the block lasts.

    Parameters
    ----------
    n : int
        Number of threads; -1 means all that this process may use.

    Returns
    -------
    context manager

    Raises
    ------
    ValueError
        If `n` is 0 or below -1.

    Examples
    --------
    >>> import pondera as po
    >>> with po.threads(1):
    ...     po.Weights([0.0, 1.0]).ess < 2
    True
    """
    before = getattr(_local, "workers", None)
    _local.workers = resolve(n)
    try:
        yield
    finally:
        _local.workers = before
