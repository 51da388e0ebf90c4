"""What holds for all of pondera: a light import, every name documented, no network, the same bytes, the kit passed."""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import os
import pkgutil
import socket
import subprocess
import sys
import warnings

import numpy as np
import pytest

import pondera as po
from pondera import testing

METHODS = po.methods(plugin="core")
INSTALLED = [m for m in METHODS if all(importlib.util.find_spec(name) for name in m.requires)]
each_method = pytest.mark.parametrize("method", INSTALLED, ids=[m.name for m in INSTALLED])
# Extras whose absence (with the lowest versions) leaves a module out of the doctests.
EXTRAS = {"click", "rich", "jinja2", "sklearn", "pandas", "pyarrow", "onnxruntime", "skops", "matplotlib", "tqdm"}


def python(code: str, **environment: str) -> str:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **environment}
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- import pondera


def test_import_loads_nothing_heavier_than_numpy():
    loaded = set(python("import sys, pondera; print(*sys.modules)").split())
    heavy = "scipy sklearn torch jax pandas matplotlib pyarrow click rich jinja2 onnxruntime skops tqdm dask plotly"
    assert not loaded & set(heavy.split())
    late = "socket importlib.metadata pondera.testing pondera.plot pondera.reporting pondera.weights pondera._catalogue"
    assert not loaded & set(late.split())


def test_import_costs_less_than_150_ms_beyond_numpy():
    # Processor time, the least of several processes: another program's load can only add to it.
    code = "import time, numpy; t = time.process_time(); import pondera; print(time.process_time() - t)"
    assert min(float(python(code)) for _ in range(5)) < 0.15


# -- every public name


def public_names() -> list[tuple[str, object]]:
    return [(name, getattr(po, name)) for name in po.__all__ if name != "__version__"]


def test_every_public_name_resolves_and_is_listed_once():
    assert len(set(po.__all__)) == len(po.__all__)
    assert set(po.__all__) <= set(dir(po))
    for name in po.__all__:
        assert getattr(po, name) is not None, name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = po.nothing


def faults_of_docstring(name: str, value: object) -> list[str]:
    sections = testing._sections(inspect.getdoc(value) or "")
    if not "".join(sections[""][:1]).strip():
        return [f"{name}: no summary"]
    is_class = inspect.isclass(value)
    if inspect.ismodule(value) or (is_class and issubclass(value, (Warning, tuple))):
        return []
    wanted = ["Examples"]
    if not is_class and "Yields" not in sections:
        wanted.append("Returns")
    parameters = {} if value is po.Result else inspect.signature(value).parameters
    lines = [line for line in sections.get("Parameters", []) if line[:1].strip()]
    documented = {word.strip("* ") for line in lines for word in line.partition(" :")[0].split(",")}
    return [f"{name}: no {section}" for section in wanted if section not in sections] + [
        f"{name}: {parameter} is not documented" for parameter in parameters if parameter not in documented
    ]


def test_every_public_name_has_a_numpydoc_docstring():
    faults = [fault for name, value in public_names() for fault in faults_of_docstring(name, value)]
    assert not faults, "\n".join(faults)


# -- the conformance kit


@each_method
def test_every_core_method_passes_the_kit(method, capsys):
    testing.check_method(method)


@each_method
def test_every_core_method_states_a_truth_and_spoils_its_data(method):
    example = method.load_example()
    assert example.truth is not None
    given = inspect.signature(method.load()).bind(*example.args, **example.kwargs).arguments
    parts = {name: value if isinstance(value, tuple) else (value,) for name, value in given.items()}
    arrays = {name for name, values in parts.items() if any(isinstance(value, np.ndarray) for value in values)}
    assert arrays == set(example.data)  # those that take an array of the user's let the kit spoil it


def outcome(method: po.Method, **keywords) -> list:
    """The arrays and numbers of the method's example, as bytes."""
    example = method.load_example()
    function = method.load()
    if "rng" in inspect.signature(function).parameters:
        keywords["rng"] = 11
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(*example.args, **{**example.kwargs, **keywords})
    return [
        np.asarray(leaf).tobytes() if isinstance(leaf, (float, np.generic, np.ndarray)) else leaf
        for _, leaf in testing._leaves(result)
    ]


@each_method
def test_no_core_method_opens_a_socket(method, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    method.load()
    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    outcome(method)


@each_method
def test_every_core_method_gives_the_same_bytes_for_1_2_and_5_workers(method):
    results = []
    for n in (1, 2, 5):
        with po.threads(n):
            takes = "workers" in inspect.signature(method.load()).parameters
            results.append(outcome(method, **({"workers": n} if takes else {})))
    assert results[0] == results[1] == results[2]


def test_every_core_method_gives_the_same_bytes_on_every_instruction_set():
    code = (
        "import hashlib, inspect, warnings, numpy as np, pondera as po\n"
        "from pondera.testing import _leaves, _bits\n"
        "warnings.simplefilter('ignore')\n"
        "import importlib.util\n"
        "for m in po.methods(plugin='core'):\n"
        "    if not all(importlib.util.find_spec(name) for name in m.requires): continue\n"
        "    f, e = m.load(), m.load_example()\n"
        "    more = {'rng': 11} if 'rng' in inspect.signature(f).parameters else {}\n"
        "    parts = [_bits(np.asarray(x)) for _, x in _leaves(f(*e.args, **{**e.kwargs, **more})) \n"
        "             if isinstance(x, (float, np.generic, np.ndarray))]\n"
        "    print(m.name, hashlib.sha256(repr(parts).encode()).hexdigest())\n"
    )
    baseline = python(code, PONDERA_ISA="baseline")
    assert baseline.count("\n") == len(INSTALLED)
    for isa in ("avx2", "avx512"):
        assert python(code, PONDERA_ISA=isa) == baseline


# -- doctests


def modules() -> list[str]:
    """Every importable module of pondera, those of optional extras included where these are installed."""
    names = ["pondera"]
    names += [info.name for info in pkgutil.walk_packages(po.__path__, "pondera.")]
    return [name for name in names if not name.endswith(".__main__")]


@pytest.mark.parametrize("name", modules())
def test_doctests(name):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if error.name not in EXTRAS:
            raise
        pytest.skip(str(error))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        failed, _ = doctest.testmod(module)
    assert failed == 0
