"""Any model as a function from rows to numbers: scikit-learn and its kin, PyTorch, ONNX, plain callables.

`as_predict` is what every method asks for its ``model`` argument. A DataFrame reaches the model as a DataFrame with its
dtypes; classifiers are asked for ``predict_proba``; what comes back is checked and promoted to float64. `load_model`
reads models from files that cannot run code: ONNX and skops, never pickle.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import as_array, as_float

__all__ = ["Predictor", "as_predict", "load_model"]

RESPONSES = ("predict_proba", "decision_function", "predict")


class Predictor:
    """A model as ``predict(X) -> float64 (rows,)`` or ``(rows, outputs)``; made by `as_predict`.

    Attributes
    ----------
    model : object
        What `as_predict` received.
    response : str
        The model's method that is called, the name of an ONNX output, or "call".
    is_classifier : bool
        Whether the numbers are class probabilities or scores of a classifier.
    feature_names : tuple of str
        The model's own ``feature_names_in_``, or the input names of an ONNX model with one input a column; else empty.
    class_names : tuple of str
        The model's ``classes_`` as strings; else empty.
    target : int, slice, list of int or None
        Which outputs are returned.
    """

    def __init__(
        self,
        call: Callable[[Any], Any],
        *,
        model: Any,
        response: str,
        is_classifier: bool = False,
        feature_names: Iterable[Any] = (),
        class_names: Iterable[Any] = (),
        target: Any = None,
        batch_size: int | None = None,
    ) -> None:
        self._call = call
        self.model = model
        self.response = response
        self.is_classifier = is_classifier
        self.feature_names = tuple(str(name) for name in feature_names)
        self.feature_names_in_ = self.feature_names or None
        self.class_names = tuple(str(name) for name in class_names)
        self.target = target
        self.batch_size = batch_size
        self._shape: tuple[int, ...] | None = None

    def __call__(self, X: Any) -> NDArray[np.float64]:
        """Numbers for the rows of `X`: one a row, or one row of outputs a row.

        Raises
        ------
        ValueError
            Naming `model`, if the model returns another number of rows, NaN or infinities, objects or labels, or an
            output shape that differs from its last call; naming `target`, if there is no such output.
        """
        n = len(X)
        step = self.batch_size or max(n, 1)
        if n <= step:
            return self._select(self._ask(X))
        rows = X.iloc if hasattr(X, "iloc") else X
        return self._select(np.concatenate([self._ask(rows[i : i + step]) for i in range(0, n, step)]))

    def with_target(self, target: Any) -> Predictor:
        """The same model with another choice of outputs."""
        return Predictor(
            self._call,
            model=self.model,
            response=self.response,
            is_classifier=self.is_classifier,
            feature_names=self.feature_names,
            class_names=self.class_names,
            target=_check_target(target),
            batch_size=self.batch_size,
        )

    def output_names(self, n: int | None) -> tuple[str, ...]:
        """Names of the `n` returned outputs (None: there is no output axis): ``classes_``, else y0, y1, ..."""
        if n is None:
            return ()
        names = np.array(self.class_names, dtype=object)
        if self.target is not None and len(names):
            names = names[self.target]
        if np.ndim(names) == 1 and len(names) == n:
            return tuple(names)
        return tuple(f"y{i}" for i in range(n))

    def _ask(self, X: Any) -> NDArray[np.float64]:
        out = _numbers(self._call(X), len(X))
        if self._shape is None:
            self._shape = out.shape[1:]
        elif out.shape[1:] != self._shape:
            raise ValueError(
                f"model: predict returned rows of shape {out.shape[1:]}, in an earlier call {self._shape}; "
                "every call must give the same outputs"
            )
        return out

    def _select(self, out: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.target is None:
            return out
        if out.ndim == 1:
            raise ValueError("target: the model returns one number a row, there is no output to choose; leave it out")
        try:
            return np.ascontiguousarray(out[..., self.target])
        except IndexError:
            raise ValueError(f"target: the model has {out.shape[-1]} outputs, received {self.target!r}") from None

    def __repr__(self) -> str:
        return f"Predictor({type(self.model).__name__}.{self.response}, target={self.target!r})"


def as_predict(model: Any, *, target: Any = None, response: str = "auto", batch_size: int | None = None) -> Predictor:
    """`model` as a checked function from rows to float64 numbers.

    Parameters
    ----------
    model : object
        A scikit-learn estimator or Pipeline, or anything that looks like one (XGBoost, LightGBM); a
        ``torch.nn.Module`` (called in eval mode without gradients, on its own device and in its own dtype; every
        submodule's mode is put back, also after an exception); an ``onnxruntime.InferenceSession`` (an output of one
        column is one number a row); a `Predictor`; or any callable ``f(X)``. What `load_model` returns is one of these.
    target : int, slice, list of int, optional
        Which outputs to return, as NumPy indexes the last axis: an int drops it. None: all.
    response : str
        "auto": ``predict_proba`` where the model has it, else ``decision_function`` of a classifier, else ``predict``.
        Or one of these by name; for ONNX the name of an output (auto: the first one of floating point, which skips a
        classifier's labels).
    batch_size : int, optional
        Most rows given to the model at once; default all.

    Returns
    -------
    Predictor
        ``predict(X)`` takes an array or a DataFrame, rows first. A model that was fitted with feature names gets arrays
        as a DataFrame with these names; DataFrames are passed on as they are, to a network or an ONNX model as numbers.

    Raises
    ------
    TypeError
        If `model` is nothing of the above.
    ValueError
        For a `response` the model lacks, or an impossible `target`.

    Examples
    --------
    >>> import numpy as np, pondera as po
    >>> predict = po.models.as_predict(lambda X: X @ np.array([[1.0, 0.0], [0.5, 2.0]]), target=1)
    >>> predict(np.ones((3, 2)))
    array([2., 2., 2.])
    """
    if batch_size is not None and (isinstance(batch_size, bool) or batch_size < 1):
        raise ValueError(f"batch_size: expected a positive integer, received {batch_size!r}")
    _check_target(target)
    if isinstance(model, Predictor):
        if response not in ("auto", model.response):
            raise ValueError(f"response: this predictor asks for {model.response!r} already, received {response!r}")
        if target is not None and model.target is not None:
            raise ValueError("target: this predictor has its target already; use predict.with_target")
        chosen = model.with_target(model.target if target is None else target)
        chosen.batch_size = batch_size or model.batch_size
        return chosen
    make = _maker(model)
    return make(model, response=response, target=target, batch_size=batch_size)


def _check_target(target: Any) -> Any:
    if isinstance(target, str):
        hint = "; 'predicted' needs the explained row and is resolved by the methods that have one"
        raise ValueError(f"target: expected an integer, a slice or a list of integers, received {target!r}{hint}")
    if isinstance(target, (bool, float)):
        raise TypeError(f"target: expected an integer, a slice or a list of integers, received {target!r}")
    return target


def _maker(model: Any) -> Callable[..., Predictor]:
    """Which kind of model it is. Optional libraries are looked for among the imported ones: an object of theirs exists
    only if they are."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return _from_torch
    ort = sys.modules.get("onnxruntime")
    if ort is not None and isinstance(model, ort.InferenceSession):
        return _from_onnx
    if isinstance(model, type):
        raise TypeError(f"model: received the class {model.__name__}; pass a fitted instance of it")
    if any(callable(getattr(model, name, None)) for name in RESPONSES):
        return _from_estimator
    if callable(model):
        return _from_callable
    raise TypeError(
        f"model: expected an estimator, a torch module, an ONNX session or a callable, received {type(model).__name__}"
    )


def _numbers(output: Any, n: int) -> NDArray[np.float64]:
    """What a model returned, as finite float64 with `n` rows."""
    if isinstance(output, (list, tuple)) and len(output) and all(np.ndim(part) >= 2 for part in output):
        raise ValueError(
            f"model: predict returned {len(output)} arrays (several outputs?); pass a function that returns one of them"
        )
    array = as_array(output, "model: the output of predict", kind="any")
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"model: predict returned dtype {array.dtype} (labels or objects?), expected real numbers; "
            "pass a function that returns probabilities or scores"
        )
    if array.ndim == 0 or len(array) != n:
        raise ValueError(f"model: predict returned shape {array.shape} for {n} rows; expected one result a row")
    array = array.astype(np.float64)
    good = np.isfinite(array)
    if not good.all():
        row = int(np.argmin(good.reshape(n, -1).all(axis=1)))
        raise ValueError(f"model: predict returned NaN or infinity, first in row {row}")
    return array


def _from_callable(model: Any, *, response: str, target: Any, batch_size: int | None) -> Predictor:
    if response != "auto":
        raise ValueError(f"response: a plain callable has none to choose, received {response!r}")
    return Predictor(
        model,
        model=model,
        response="call",
        feature_names=_feature_names(model),
        target=target,
        batch_size=batch_size,
    )


def _from_estimator(model: Any, *, response: str, target: Any, batch_size: int | None) -> Predictor:
    has = [name for name in RESPONSES if callable(getattr(model, name, None))]
    classes = getattr(model, "classes_", None)
    if response == "auto":
        # Outlier detectors and clusterers have a decision_function but no classes: they are asked to predict.
        wanted = [name for name in has if name != "decision_function" or classes is not None]
        response = wanted[0] if wanted else has[0]
    elif response not in has:
        raise ValueError(f"response: the model has {', '.join(has)}, received {response!r}")
    names = _feature_names(model)
    method = getattr(model, response)
    is_classifier = response == "predict_proba" or classes is not None
    return Predictor(
        partial(_ask_estimator, method, names) if names else method,
        model=model,
        response=response,
        is_classifier=is_classifier,
        feature_names=names,
        class_names=() if classes is None or response == "predict" or isinstance(classes, list) else classes,
        target=target,
        batch_size=batch_size,
    )


def _feature_names(model: Any) -> tuple[str, ...]:
    names = getattr(model, "feature_names_in_", None)
    return () if names is None else tuple(str(name) for name in names)


def _ask_estimator(method: Callable[[Any], Any], names: tuple[str, ...], X: Any) -> Any:
    """Arrays get the names that the model was fitted with; otherwise scikit-learn warns at every call."""
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == len(names):
        try:
            import pandas as pd
        except ImportError:
            return method(X)
        X = pd.DataFrame(X, columns=list(names), copy=False)
    return method(X)


def _from_torch(model: Any, *, response: str, target: Any, batch_size: int | None) -> Predictor:
    if response != "auto":
        raise ValueError(f"response: a torch module has none to choose, received {response!r}")
    return Predictor(partial(_ask_torch, model), model=model, response="call", target=target, batch_size=batch_size)


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Eval mode without gradients; afterwards every submodule has the mode it had."""
    import torch

    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training


def _ask_torch(module: Any, X: Any) -> Any:
    import torch

    like = next((p for p in [*module.parameters(), *module.buffers()] if p.is_floating_point()), None)
    dtype = torch.get_default_dtype() if like is None else like.dtype
    device = torch.device("cpu") if like is None else like.device
    if isinstance(X, torch.Tensor):
        rows = X.detach()
    else:
        array = as_float(X, "X")
        rows = torch.from_numpy(array if array.flags.writeable else array.copy())
    with _evaluating(module):
        out = module(rows.to(device=device, dtype=dtype))
        out = getattr(out, "logits", out)
        if not isinstance(out, torch.Tensor):
            raise ValueError(
                f"model: the module returned {type(out).__name__}, expected a tensor; wrap it in a function"
            )
        return out.detach().to("cpu", torch.float64).numpy()


def _from_onnx(model: Any, *, response: str, target: Any, batch_size: int | None) -> Predictor:
    outputs = {item.name: item.type for item in model.get_outputs()}
    if response == "auto":
        numeric = [name for name, kind in outputs.items() if kind in _ONNX_FLOATS or kind.startswith("seq(map(")]
        if not numeric:
            raise ValueError(f"model: no output of floating point among {', '.join(outputs)}")
        response = numeric[0]
    elif response not in outputs:
        raise ValueError(f"response: the model's outputs are {', '.join(outputs)}, received {response!r}")
    labels = [kind for kind in outputs.values() if kind in ("tensor(int64)", "tensor(string)")]
    inputs = model.get_inputs()
    return Predictor(
        partial(_ask_onnx, model, response),
        model=model,
        response=response,
        is_classifier=bool(labels) or outputs[response].startswith("seq(map("),
        feature_names=[item.name for item in inputs] if len(inputs) > 1 else (),
        target=target,
        batch_size=batch_size,
    )


_ONNX_FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
_ONNX_TYPES: dict[str, Any] = {
    **_ONNX_FLOATS,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}


def _ask_onnx(session: Any, output: str, X: Any) -> Any:
    inputs = session.get_inputs()
    if len(inputs) == 1:
        feed = {inputs[0].name: _onnx_tensor(X, inputs[0])}
    else:
        columns = getattr(X, "columns", None)
        if columns is not None:
            missing = [item.name for item in inputs if item.name not in columns]
            if missing:
                raise ValueError(f"X: the model wants columns {', '.join(missing)}, which are not there")
            feed = {item.name: _onnx_tensor(X[item.name], item)[:, None] for item in inputs}
        else:
            array = as_float(X, "X", ndim=2)
            if array.shape[1] != len(inputs):
                raise ValueError(f"X: the model wants {len(inputs)} columns, received {array.shape[1]}")
            feed = {item.name: _onnx_tensor(array[:, [j]], item) for j, item in enumerate(inputs)}
    (result,) = session.run([output], feed)
    if isinstance(result, list):  # ZipMap: a dictionary of class to probability a row
        return np.array([[row[name] for name in result[0]] for row in result], dtype=np.float64)
    result = np.asarray(result)
    return result[:, 0] if result.ndim == 2 and result.shape[1] == 1 else result


def _onnx_tensor(X: Any, item: Any) -> NDArray[Any]:
    dtype = _ONNX_TYPES.get(item.type)
    if dtype is None:
        raise ValueError(f"model: the input {item.name!r} has type {item.type}, which is not supported")
    if dtype is np.object_:
        return np.asarray(X).astype(str).astype(object)
    array = as_float(X, "X")
    with np.errstate(invalid="ignore"):
        cast = array.astype(dtype)
    if np.dtype(dtype).kind in "ib" and not np.array_equal(cast.astype(array.dtype), array):
        raise ValueError(f"X: the model's input {item.name!r} wants {np.dtype(dtype)}, received other numbers")
    return cast


def load_model(path: str | os.PathLike[str], *, trusted: Iterable[str] = ()) -> Any:
    """A model from a file that cannot run code when it is read: ``.onnx`` or ``.skops``.

    Parameters
    ----------
    path : path-like
        An ONNX file without external data and with operators of the standard domains (and of its own functions) only;
        both are checked in the file's bytes before a session is made. Or a skops file.
    trusted : iterable of str
        Types beyond those skops knows as safe that a skops file may hold, as ``"package.module.Class"``: look at them
        first.

    Returns
    -------
    onnxruntime.InferenceSession or object
        What `as_predict` takes.

    Raises
    ------
    ValueError
        If the file is missing, of another kind (pickle and joblib files are refused: they run code), damaged, or needs
        types or operators that are not trusted; these are listed.
    ImportError
        If onnxruntime or skops is not installed.

    Examples
    --------
    >>> import pondera as po
    >>> po.models.load_model("model.pkl")
    Traceback (most recent call last):
        ...
    ValueError: path: model.pkl: pickle files run code when they are read; save the model with skops or as ONNX
    """
    name = os.fspath(path)
    suffix = Path(name).suffix.lower()
    if suffix in (".pkl", ".pickle", ".joblib", ".pt", ".pth"):
        raise ValueError(
            f"path: {name}: pickle files run code when they are read; save the model with skops or as ONNX"
        )
    if suffix not in (".onnx", ".skops"):
        raise ValueError(f"path: {name}: expected a file named .onnx or .skops")
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise ValueError(f"path: {name}: cannot be read ({error.strerror})") from None
    return _load_onnx(data, name) if suffix == ".onnx" else _load_skops(data, name, list(trusted))


def _load_skops(data: bytes, name: str, trusted: list[str]) -> Any:
    try:
        import skops.io
    except ImportError:
        raise ImportError("reading .skops files needs skops: pip install 'pondera[skops]'") from None
    try:
        unknown = sorted(set(skops.io.get_untrusted_types(data=data)) - set(trusted))
    except Exception as error:  # a damaged archive fails in many ways
        raise ValueError(f"path: {name}: not a skops file ({type(error).__name__}: {error})") from None
    if unknown:
        raise ValueError(
            f"path: {name}: holds types that are not known to be safe: {', '.join(unknown)}; "
            "look at them, then name them in trusted="
        )
    return skops.io.loads(data, trusted=trusted)


def _load_onnx(data: bytes, name: str) -> Any:
    try:
        import onnxruntime as ort
    except ImportError:
        raise ImportError("reading .onnx files needs onnxruntime: pip install 'pondera[onnx]'") from None
    _check_onnx(data, name)
    try:
        return ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own types, none of them public
        raise ValueError(f"path: {name}: onnxruntime refuses the model ({error})") from None


# The parts of the ONNX protocol buffers that are walked: message -> {field number: message}. From onnx.proto.
_ONNX_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 6: "graph", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")


def _check_onnx(data: bytes, name: str) -> None:
    """Refuses external data and operators of unknown domains. Reads the bytes itself: onnxruntime brings no parser, and
    must not see the file before."""
    domains: set[str] = set()
    own: set[str] = set()
    graphs = 0
    # onnxruntime takes bytes with this mark for its own format, which this check could not read.
    damaged = data[4:8] == b"ORTM"
    stack = [("model", memoryview(data), 0)]
    try:
        while stack and not damaged:
            message, view, depth = stack.pop()
            if depth > 200:
                raise ValueError("nested too deeply")
            for number, value in _fields(view):
                inner = _ONNX_FIELDS[message].get(number)
                if inner is not None:
                    if not isinstance(value, memoryview):
                        raise ValueError("a field of the wrong type")
                    graphs += message == "model" and inner == "graph"
                    stack.append((inner, value, depth + 1))
                elif message == "node" and number == 7:
                    domains.add(_text(value))
                elif message == "function" and number == 10:
                    own.add(_text(value))
                elif message == "tensor" and (number == 13 or (number == 14 and value == 1)):
                    raise PermissionError
    except PermissionError:
        raise ValueError(
            f"path: {name}: the model keeps data in other files, which is refused; save it as one file"
        ) from None
    except (ValueError, TypeError, IndexError):
        damaged = True
    if damaged or graphs == 0:
        raise ValueError(f"path: {name}: not an ONNX model, or damaged")
    unknown = sorted(domains - own - set(_DOMAINS))
    if unknown:
        raise ValueError(f"path: {name}: operators of unknown domain(s) {', '.join(unknown)} are refused")


def _fields(view: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Field numbers and values of one protocol-buffer message; ValueError or IndexError if it is cut."""
    at = 0
    while at < len(view):
        tag, at = _varint(view, at)
        number, wire = tag >> 3, tag & 7
        value: memoryview | int
        if wire == 0:
            value, at = _varint(view, at)
        else:
            if wire == 2:
                size, at = _varint(view, at)
            elif wire in (1, 5):
                size = 8 if wire == 1 else 4
            else:
                raise ValueError("an unknown wire type")
            if size > len(view) - at:
                raise ValueError("cut short")
            value, at = view[at : at + size], at + size
        yield number, value


def _text(value: memoryview | int) -> str:
    if not isinstance(value, memoryview):
        raise ValueError("a field of the wrong type")
    return bytes(value).decode()


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = view[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), at
    raise ValueError("a number too long")
