"""
Compiled kernels of pondera; private. The public functions stand in the modules above it.
"""

from __future__ import annotations

import typing

from . import games, masks, neighbors, random, resampling, sensitivity, weights

__all__: list[str] = [
    "build_info",
    "games",
    "isa_name",
    "masks",
    "memory_fail_after",
    "memory_live",
    "memory_peak",
    "neighbors",
    "pool_threads",
    "random",
    "resampling",
    "sensitivity",
    "weights",
]

def build_info() -> dict:
    """
    How this module was built; `pondera doctor` shows it.
    """

def isa_name() -> str:
    """
    Instruction set of the hot loops in use.
    """

def memory_fail_after(bytes: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Tests: allocations beyond this many live bytes fail.
    """

def memory_live() -> int:
    """
    Bytes of scratch memory now held.
    """

def memory_peak(reset: bool = False) -> int:
    """
    Most bytes of scratch memory held at once since the last reset.
    """

def pool_threads() -> int:
    """
    Threads of the pool now alive.
    """

_C_API: typing.Any
__version__: str = "0.1.0"
