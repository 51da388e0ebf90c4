"""Counter-based random numbers: draw ``i`` of row ``r`` is a pure function of (key, i, r, purpose).

Loops can therefore be split over any number of threads, chunks or machines and give the same bits. The generator is
Philox4x32-10 (Salmon, Moraes, Dror and Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3"). A uniform is
``((bits >> 12) + 0.5) * 2**-52``: never 0, never 1. A normal is the inverse CDF of one uniform (Wichura, 1988, AS 241).
"""

from __future__ import annotations

import enum
import hashlib
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._workers import resolve

__all__ = [
    "Key",
    "Purpose",
    "Stream",
    "counter_gumbel",
    "counter_normal",
    "counter_uniform",
    "generator",
    "key",
]

_WORD = 2**32


class Purpose(enum.IntEnum):
    """What a random number is for: one byte of the counter. Plugins fold their name into the key instead."""

    MULTINOMIAL = 1
    STRATIFIED = 2
    SYSTEMATIC = 3
    RESIDUAL = 4
    SSP = 5
    KILLING = 6
    ALIAS = 7
    GUMBEL = 8
    BACKWARD = 9
    NORMAL = 10
    UNIFORM = 11
    EXPONENTIAL = 12
    INTEGERS = 13
    GEOMETRIC = 14
    PERMUTATION = 15
    PPS = 16
    BOOTSTRAP = 17
    FOLDS = 18
    JITTER = 19
    RANDOM_TIES = 20
    SIGN_FLIPS = 21
    GAME_PERMUTATIONS = 22
    GAME_SIZES = 23
    GAME_MEMBERS = 24
    GAME_COINS = 25
    OWEN = 26
    LMS = 27
    LATIN_HYPERCUBE = 28
    MONTE_CARLO_DESIGN = 29
    MASK_CELLS = 30
    MASK_OFFSETS = 31
    D2_SEEDING = 32
    RANDOM_STARTS = 33
    NEGATIVE_SAMPLING = 34
    UNIT_ORDER = 35
    OUTPUT_SHUFFLE = 36
    POISSON_INCLUSION = 37
    TORCH_SEED = 38


@dataclass(frozen=True, slots=True)
class Key:
    """A 64-bit key in two words. Used as it is: fold in the time step, the chain, the chunk.

    Parameters
    ----------
    k0, k1 : int
        The words, each in ``[0, 2**32)``.

    Examples
    --------
    >>> import pondera as po
    >>> key = po.random.Key(1, 2)
    >>> key.fold_in("chain", 3) == key.fold_in("chain").fold_in(3)
    True
    """

    k0: int
    k1: int

    def __post_init__(self) -> None:
        for name in ("k0", "k1"):
            value = operator.index(getattr(self, name))
            if not 0 <= value < _WORD:
                raise ValueError(f"{name}: expected an integer in [0, 2**32), received {value}")
            object.__setattr__(self, name, value)

    @property
    def words(self) -> tuple[int, int]:
        return self.k0, self.k1

    def fold_in(self, *data: int | str) -> Key:
        """The child key for `data`, each an integer in ``[-2**63, 2**64)`` or a string. Different data, other keys."""
        words = self.words
        for item in data:
            if isinstance(item, str):
                digest = hashlib.blake2b(item.encode("utf-8", "surrogatepass"), digest_size=8)
                kind, value = 2, int.from_bytes(digest.digest(), "little")
            else:
                number = operator.index(item)
                if not -(2**63) <= number < 2**64:
                    raise ValueError(f"data: expected integers of 64 bits, received {number}")
                kind, value = (0, number) if number >= 0 else (1, number + 2**64)
            words = _core.random.fold_in(words, value, kind)
        return Key(*words)

    def stream(self, purpose: int, row: int = 0) -> Stream:
        """The draws of this key for one purpose (0..255) and row (32 bits), by index."""
        return Stream(self, int(purpose), row)


@dataclass(frozen=True, slots=True)
class Stream:
    """Draws of one (key, purpose, row), addressed by element index: any subset, any order, same values.

    Every method takes an integer or an array of integers in ``[0, 2**64)`` and returns an array of that shape.
    """

    key: Key
    purpose: int
    row: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.purpose < 256:
            raise ValueError(f"purpose: expected a byte, received {self.purpose}")
        if not 0 <= self.row < _WORD:
            raise ValueError(f"row: expected an integer in [0, 2**32), received {self.row}")

    def _draw(self, name: str, index: ArrayLike, *more: Any) -> NDArray[Any]:
        draw = getattr(_core.random, name)
        elements = _elements(index)
        return draw(self.key.words, self.purpose, self.row, elements, *more, resolve(None))  # type: ignore[no-any-return]

    def bits(self, index: ArrayLike) -> NDArray[np.uint64]:
        """64 random bits."""
        return self._draw("bits", index)

    def uniform(self, index: ArrayLike) -> NDArray[np.float64]:
        """Uniform on the open interval (0, 1)."""
        return self._draw("uniform", index)

    def exponential(self, index: ArrayLike) -> NDArray[np.float64]:
        """Exponential of mean 1."""
        return self._draw("exponential", index)

    def gumbel(self, index: ArrayLike) -> NDArray[np.float64]:
        """Standard Gumbel."""
        return self._draw("gumbel", index)

    def normal(self, index: ArrayLike) -> NDArray[np.float64]:
        """Standard normal, increasing in the uniform of the same address."""
        return self._draw("normal", index)

    def integers(self, index: ArrayLike, n: int) -> NDArray[np.int64]:
        """Uniform on 0, ..., `n` - 1, exactly."""
        if not 1 <= n <= 2**63:
            raise ValueError(f"n: expected an integer in [1, 2**63], received {n}")
        return self._draw("integers", index, n)

    def geometric(self, index: ArrayLike, p: float) -> NDArray[np.int64]:
        """Number of failures before the first success of probability `p`."""
        if not 0.0 < p <= 1.0:
            raise ValueError(f"p: expected a probability in (0, 1], received {p}")
        return self._draw("geometric", index, float(p))

    def permutation(self, n: int) -> NDArray[np.int64]:
        """A uniform permutation of 0, ..., `n` - 1: the indices sorted by their uniform, then by index."""
        return np.argsort(self.uniform(np.arange(n, dtype=np.uint64)), kind="stable").astype(np.int64, copy=False)


def _elements(index: ArrayLike) -> NDArray[np.uint64]:
    array = np.asarray(index)
    if array.dtype.kind not in "ui":
        raise TypeError(f"index: expected integers, received {array.dtype}")
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise ValueError("index: expected non-negative integers")
    return np.asarray(array, dtype=np.uint64, order="C")


def key(rng: Any = None) -> Key:
    """The key for any ``rng=``: a `Key` as it is; everything else through ``numpy.random.default_rng``.

    Parameters
    ----------
    rng : None, int, SeedSequence, BitGenerator, Generator, Key, or two uint32 words (a JAX key)
        From a generator exactly one 64-bit integer is drawn, whatever the size of the call.

    Returns
    -------
    Key

    Raises
    ------
    TypeError
        For a `numpy.random.RandomState` or anything `default_rng` refuses.
    """
    if isinstance(rng, Key):
        return rng
    if isinstance(rng, np.random.RandomState) or rng is np.random:
        raise TypeError(
            "rng: numpy.random.RandomState is not accepted; pass an integer seed or numpy.random.default_rng(seed)"
        )
    if isinstance(rng, (bool, float, str)):
        raise TypeError(f"rng: expected None, an integer, a Generator or a Key, received {rng!r}")
    if type(rng).__module__.startswith("jax"):
        return _key_from_jax(rng)
    if isinstance(rng, np.ndarray) and rng.dtype == np.uint32 and rng.shape == (2,):
        return Key(int(rng[0]), int(rng[1]))
    try:
        word = int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))
    except (TypeError, ValueError) as error:
        kind = type(error)
        raise kind(f"rng: expected None, an integer, a Generator or a Key, received {rng!r}") from None
    return Key(word % _WORD, word // _WORD)


def _key_from_jax(rng: Any) -> Key:
    data = rng
    if str(getattr(rng, "dtype", "")).startswith("key<"):
        from jax.random import key_data

        data = key_data(rng)
    words = np.asarray(data)
    if words.dtype != np.uint32 or words.shape != (2,):
        raise TypeError(f"rng: expected a JAX key of two uint32 words, received {words.dtype}{words.shape}")
    return Key(int(words[0]), int(words[1]))


def generator(key: Key, purpose: int, block: int = 0) -> np.random.Generator:
    """A NumPy generator over Philox fixed by (key, purpose, block): what users' callbacks receive as ``rng``."""
    child = key.fold_in("callback", int(purpose), block)
    return np.random.Generator(np.random.Philox(key=child.k0 | child.k1 << 32))


def counter_uniform(key: Key, stream: int, index: ArrayLike, *, purpose: int = Purpose.UNIFORM) -> NDArray[np.float64]:
    """Uniforms in (0, 1) at `index` of row `stream` of `key`; shape of `index`."""
    return key.stream(purpose, stream).uniform(index)


def counter_gumbel(key: Key, stream: int, index: ArrayLike, *, purpose: int = Purpose.GUMBEL) -> NDArray[np.float64]:
    """Standard Gumbel draws at `index` of row `stream` of `key`; shape of `index`."""
    return key.stream(purpose, stream).gumbel(index)


def counter_normal(key: Key, stream: int, index: ArrayLike, *, purpose: int = Purpose.NORMAL) -> NDArray[np.float64]:
    """Standard normal draws at `index` of row `stream` of `key`; shape of `index`."""
    return key.stream(purpose, stream).normal(index)
