"""The developers' commands, all of them: ``nox -s lint tests docs bench claims peers sanitize``.

Every session makes its own environment. ``nox`` alone runs what CI runs.
"""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "tests", "docs", "bench", "sanitize", "packaging"]
nox.options.error_on_external_run = False
nox.options.default_venv_backend = "venv"

ROOT = Path(__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
EXTRAS = "cli,report,plot,onnx,skops,progress"


def group(*names: str) -> list[str]:
    """The requirements of dependency groups of pyproject.toml."""
    return [requirement for name in names for requirement in PROJECT["dependency-groups"][name]]


_wheel: list[Path] = []


def install(session: nox.Session, *groups: str, extras: str = EXTRAS) -> None:
    """The core and every plugin from this checkout, and dependency groups. One wheel serves one run of nox."""
    if not _wheel:
        where = ROOT / "dist" / "nox"
        shutil.rmtree(where, ignore_errors=True)
        session.run(
            "python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(where), ".",
            "-Ccmake.define.PONDERA_WERROR=ON",
        )  # fmt: skip
        _wheel.append(next(where.glob("pondera-*.whl")))
    session.install(f"pondera[{extras}] @ {_wheel[0].as_uri()}", *group(*groups))
    for plugin in PLUGINS:
        session.install("--no-deps", str(plugin))


def torch(session: nox.Session) -> None:
    """PyTorch for the tests of methods that take a user's network; a file on disk or the CPU build."""
    session.install("torch==2.13.0")


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, mypy --strict, clang-format, clang-tidy, stubs, symbols."""
    install(session, "lint", "test", "build")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    sources = [str(p) for p in sorted((ROOT / "csrc").rglob("*")) if p.suffix in (".hpp", ".cpp")]
    session.run("clang-format", "--dry-run", "--Werror", *sources)
    session.run("python", "tools/stubs.py", "--check")
    extension = session.run("python", "-c", "import pondera._core as c; print(c.__file__)", silent=True)
    session.run("python", "tools/symbols.py", str(extension).strip().splitlines()[-1])
    if "--quick" not in session.posargs:
        build = Path(session.create_tmp()) / "tidy"
        cmakedir = session.run("python", "-m", "pybind11", "--cmakedir", silent=True)
        session.run(
            "cmake", "-S", ".", "-B", str(build), "-G", "Ninja", f"-Dpybind11_DIR={str(cmakedir).strip()}",
            f"-DPython_EXECUTABLE={session.virtualenv.location}/bin/python", silent=True,
        )  # fmt: skip
        bindings = sorted(str(p) for p in (ROOT / "csrc/bindings").glob("*.cpp"))
        tidy = f"printf '%s\\n' {' '.join(bindings)} | xargs -P {os.cpu_count()} -n 1 clang-tidy --quiet -p {build}"
        session.run("bash", "-o", "pipefail", "-c", tidy, external=True, silent=True)


@nox.session
def tests(session: nox.Session) -> None:
    """The core's C++ and Python tests and those of every plugin. Arguments go to pytest."""
    install(session, "test")
    torch(session)
    build = Path(session.create_tmp()) / "cpp"
    session.install("cmake>=3.22", "ninja")
    session.run(
        "cmake", "-S", ".", "-B", str(build), "-G", "Ninja", "-DPONDERA_PYTHON=OFF", "-DPONDERA_TESTS=ON",
        "-DPONDERA_WERROR=ON", silent=True,
    )  # fmt: skip
    session.run("cmake", "--build", str(build), silent=True)
    session.run("ctest", "--test-dir", str(build), "--output-on-failure")
    arguments = session.posargs or ["-n", "2", "--dist", "loadfile", "-m", "not slow"]
    session.run("python", "-m", "pytest", *arguments)


@nox.session(name="tests-lowest")
def tests_lowest(session: nox.Session) -> None:
    """The core's tests with the lowest versions that pyproject.toml allows."""
    extras = ("cli", "report", "plot", "progress")
    floors = PROJECT["project"]["dependencies"] + [
        requirement for extra in extras for requirement in PROJECT["project"]["optional-dependencies"][extra]
    ]
    session.install(
        *[floor.replace(">=", "==") for floor in floors], "pytest>=8", "hypothesis", "mpmath", "jax", "threadpoolctl"
    )
    session.install("--no-deps", ".", *map(str, PLUGINS))
    session.run("python", "-m", "pytest", "tests", "-m", "not slow and not browser", *session.posargs)


@nox.session(name="tests-newest")
def tests_newest(session: nox.Session) -> None:
    """The core's tests with the newest pre-releases of NumPy and SciPy."""
    install(session, "test")
    session.install("--pre", "--upgrade", "numpy", "scipy")
    session.run("python", "-m", "pytest", "tests", "-m", "not slow", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, warnings as errors."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """asv check and a quick smoke run of every benchmark against this checkout. `-- full` measures."""
    install(session, "bench", "test")
    session.chdir("benchmarks")
    python = f"existing:{session.virtualenv.location}/bin/python"
    session.run("asv", "machine", "--yes", silent=True)
    session.run("asv", "check", "-E", python)
    quick = [] if "full" in session.posargs else ["--quick"]
    session.run("asv", "run", "-E", python, "--set-commit-hash", "HEAD", "--dry-run", *quick)


@nox.session
def peers(session: nox.Session) -> None:
    """Side by side with other libraries in one run; prints ratios. NumPy's own threads are left as users have them."""
    install(session, "test", "bench", "peers")
    session.install("--no-deps", "particles")  # its ceiling numpy<2 is out of date
    torch(session)
    env = {name: "" for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}
    session.run("python", "-m", "benchmarks.peers", *session.posargs, env=env)


@nox.session
def claims(session: nox.Session) -> None:
    """Re-enact the papers' claims; `-- NAME...` chooses. Minutes to hours."""
    install(session, "test")
    torch(session)
    session.run("pondera", "claims", "run", *(session.posargs or ["--all"]))


@nox.session
def sanitize(session: nox.Session) -> None:
    """The C++ tests under the address, undefined and thread sanitizers; aarch64 under qemu where it is installed."""
    session.install("cmake>=3.22", "ninja")
    golden = "csrc/tests/golden.txt"
    for name in ("address,undefined", "thread"):
        build = Path(session.create_tmp()) / name.replace(",", "-")
        session.run(
            "cmake", "-S", ".", "-B", str(build), "-G", "Ninja", "-DPONDERA_PYTHON=OFF", "-DPONDERA_TESTS=ON",
            "-DCMAKE_BUILD_TYPE=RelWithDebInfo", f"-DPONDERA_SANITIZE={name}", silent=True,
        )  # fmt: skip
        session.run("cmake", "--build", str(build), silent=True)
        session.run(
            str(build / "csrc/tests/pondera_bits"), golden,
            env={"TSAN_OPTIONS": "halt_on_error=1:suppressions=csrc/tests/tsan.supp", "PONDERA_TEST_NO_FORK": "1"},
        )  # fmt: skip
    if shutil.which("aarch64-linux-gnu-g++") and shutil.which("qemu-aarch64"):
        build = Path(session.create_tmp()) / "aarch64"
        session.run(
            "cmake", "-S", ".", "-B", str(build), "-G", "Ninja", "-DPONDERA_PYTHON=OFF", "-DPONDERA_TESTS=ON",
            "-DPONDERA_WERROR=ON", "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++", "-DCMAKE_SYSTEM_NAME=Linux",
            "-DCMAKE_SYSTEM_PROCESSOR=aarch64", silent=True,
        )  # fmt: skip
        session.run("cmake", "--build", str(build), silent=True)
        session.run(
            "qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", str(build / "csrc/tests/pondera_bits"), golden,
            env={"PONDERA_TEST_NO_FORK": "1"},
        )  # fmt: skip
    else:
        session.log("skipped: aarch64 (needs aarch64-linux-gnu-g++ and qemu-aarch64)")


@nox.session
def packaging(session: nox.Session) -> None:
    """sdist, wheel from the sdist, headers for a stranger's CMake project, and an editable install that rebuilds."""
    session.install("build", *group("build"))
    session.run(sys.executable, "tools/packaging.py", f"{session.virtualenv.location}/bin/python", external=True)


@nox.session
def readme(session: nox.Session) -> None:
    """Runs the commands and the Python of README.md as printed, in a fresh clone and a bare environment."""
    session.run(sys.executable, "tools/readme.py", *session.posargs, external=True)
