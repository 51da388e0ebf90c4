"""Array intake and return: what comes in becomes a C-contiguous NumPy array, what goes out follows the first one.

NumPy, and anything with DLPack or ``__array__`` (torch, JAX, CuPy on the CPU), float32 or float64, any strides;
no copy when it is C-contiguous already. The caller's arrays are never written to. Whatever would lose information
silently (masks, gradients, bfloat16, longdouble, complex, objects) is refused with the remedy.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_array", "as_float", "as_index", "as_integer", "as_number", "check_finite", "column_names", "like"]

Kind = Literal["float", "index", "bool", "any"]


def _library(x: Any) -> str:
    return type(x).__module__.partition(".")[0]


def _to_numpy(x: Any, name: str) -> NDArray[Any]:
    """A NumPy view where one exists, a copy where none can."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: masked arrays are not accepted, their mask would be lost; fill or drop the masked values first"
        )
    if isinstance(x, np.ndarray):
        return np.asarray(x)
    if getattr(x, "requires_grad", False):
        raise TypeError(f"{name}: the tensor requires grad; pass {name}.detach()")
    dtype = str(getattr(x, "dtype", ""))
    if "bfloat16" in dtype or "float8" in dtype:
        raise TypeError(f"{name}: {dtype} is not accepted; convert to float32 first (for torch: {name}.float())")
    if _library(x) == "scipy" and hasattr(x, "tocsr"):
        raise TypeError(f"{name}: sparse matrices are not accepted; pass {name}.toarray()")
    if hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__") and not hasattr(x, "to_numpy"):
        try:
            device = int(x.__dlpack_device__()[0])
        except (ValueError, BufferError, RuntimeError):
            device = -1  # one that DLPack does not know, such as torch's "meta"
        if device not in (1, 3, 11):  # CPU, and CUDA's and ROCm's pinned host memory
            raise TypeError(f"{name}: the array is on another device; move it to the CPU first")
        try:
            return np.from_dlpack(x)
        except (BufferError, TypeError, RuntimeError):
            pass  # a type DLPack lacks (bool in older versions): through __array__
    try:
        return np.asarray(x)
    except (ValueError, TypeError, RuntimeError) as error:
        raise TypeError(f"{name}: expected an array, received {type(x).__name__} ({error})") from None


def as_array(x: Any, name: str, *, kind: Kind = "float", ndim: int | tuple[int, ...] | None = None) -> NDArray[Any]:
    """`x` as a C-contiguous NumPy array, or an error that names the argument.

    Parameters
    ----------
    x : array-like
    name : str
        The argument's name in the caller's signature.
    kind : {"float", "index", "bool", "any"}
        "float": float32 stays, integers and bools become float64, float16 becomes float32. "index": int64.
        "bool": bool only. "any": as it is.
    ndim : int or tuple of int, optional
        Accepted numbers of dimensions.

    Returns
    -------
    numpy.ndarray
        Do not write to it: it may be the caller's memory.
    """
    array = _to_numpy(x, name)
    dtype = array.dtype
    if kind == "float":
        if (dtype.kind == "f" and dtype.itemsize == 4) or dtype == np.float16:
            target: Any = np.float32
        elif dtype == np.float64 or dtype.kind in "iub":
            target = np.float64
        elif dtype.kind == "f":
            if dtype.itemsize == 8:
                target = np.float64
            else:
                raise TypeError(f"{name}: {dtype} is not accepted; convert with {name}.astype('float64')")
        elif dtype.kind == "c":
            raise TypeError(f"{name}: complex numbers are not accepted; pass the real part")
        else:
            raise TypeError(
                f"{name}: expected real numbers, received dtype {dtype}; convert or encode the values first"
            )
    elif kind == "index":
        if dtype.kind not in "iu":
            if array.size:
                raise TypeError(f"{name}: expected integers, received dtype {dtype}")
            array = array.astype(np.int64)
        target = np.int64
    elif kind == "bool":
        if dtype.kind != "b":
            raise TypeError(f"{name}: expected booleans, received dtype {dtype}")
        target = np.bool_
    else:
        target = dtype
    if ndim is not None:
        allowed = (ndim,) if isinstance(ndim, int) else ndim
        if array.ndim not in allowed:
            expected = " or ".join(f"{n}-d" for n in allowed)
            remedy = "; reshape(-1, 1) makes one column of it" if array.ndim == 1 and 2 in allowed else ""
            raise ValueError(f"{name}: expected a {expected} array, received shape {array.shape}{remedy}")
    if array.ndim == 0:
        return array.astype(target)
    return np.ascontiguousarray(array, dtype=target)


def as_float(x: Any, name: str, *, ndim: int | tuple[int, ...] | None = None, finite: bool = False) -> NDArray[Any]:
    """`as_array` for real numbers; with `finite`, NaN and infinities are a ValueError that gives the first position."""
    array = as_array(x, name, kind="float", ndim=ndim)
    if finite:
        check_finite(array, name)
    return array


def as_index(x: Any, name: str, *, ndim: int | tuple[int, ...] | None = None) -> NDArray[np.int64]:
    """`as_array` for int64 indices."""
    return as_array(x, name, kind="index", ndim=ndim)


def as_integer(value: Any, name: str, least: int | None = None, most: int | None = None) -> int:
    """`value` as an int in [least, most] (from 0 where only `most` is given), or an error that names the argument.

    Bools and floats are refused; NumPy's integers are not.
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected an integer, received {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, received {value!r}") from None
    if most is not None and not (least or 0) <= number <= most:
        raise ValueError(f"{name}: expected an integer in [{least or 0}, {most}], received {number}")
    if least is not None and number < least:
        words = {0: "a non-negative integer", 1: "a positive integer"}
        raise ValueError(f"{name}: expected {words.get(least, f'an integer of at least {least}')}, received {number}")
    return number


def as_number(value: Any, name: str) -> float:
    """`value` as a finite float, or an error that names the argument; bools, text and arrays are refused."""
    if isinstance(value, (bool, str)) or np.ndim(value) != 0:
        raise TypeError(f"{name}: expected a number, received {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, received {value}")
    return number


def check_finite(array: NDArray[Any], name: str) -> None:
    """ValueError with the first position if `array` holds NaN or an infinity."""
    good = np.isfinite(array)
    if not good.all():
        position = tuple(int(i) for i in np.unravel_index(int(np.argmin(good)), array.shape))
        where = position[0] if len(position) == 1 else position
        count = int(array.size - np.count_nonzero(good))
        raise ValueError(f"{name}: {count} value(s) are NaN or infinite, the first ({array[position]}) at {where}")


def like(first: Any) -> Callable[[NDArray[Any]], Any]:
    """A function that returns NumPy results in the library and on the device of `first`.

    torch tensors give tensors, JAX arrays JAX arrays; NumPy, DataFrames, Series and lists give NumPy.
    """
    library = _library(first)
    if library == "torch":
        import torch

        return lambda array: torch.from_numpy(np.ascontiguousarray(array)).to(first.device)
    if library in ("jax", "jaxlib"):
        import jax

        device = next(iter(first.devices()), None) if hasattr(first, "devices") else None
        return lambda array: jax.device_put(array, device)
    return lambda array: array


def column_names(X: Any, n: int, names: Any = None, model: Any = None) -> tuple[str, ...]:
    """Names of `n` columns: `names`, else the columns of `X`, else ``model.feature_names_in_``, else x0, x1, ..."""
    if names is None:
        names = getattr(X, "columns", None)
    if names is None and model is not None:
        names = getattr(model, "feature_names_in_", None)
    if names is None:
        return tuple(f"x{i}" for i in range(n))
    out = tuple(str(name) for name in names)
    if len(out) != n:
        raise ValueError(f"names: expected {n} names, received {len(out)}")
    return out
