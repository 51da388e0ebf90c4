"""Proves the packaging: sdist, wheel from it, headers for a plugin's CMake project, an editable install that rebuilds.

python tools/packaging.py PYTHON     (PYTHON has `build` and the build dependencies)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CONSUMER = """
cmake_minimum_required(VERSION 3.22)
project(consumer LANGUAGES CXX)
find_package(pondera 0.1 CONFIG REQUIRED)
add_executable(consumer main.cpp)
target_link_libraries(consumer PRIVATE pondera::kernels)
"""
MAIN = """
#include "pondera/reduce.hpp"
int main() {
  double x[5] = {1, 2, 3, 4, 5};
  pondera::Parallel parallel;
  parallel.workers = 2;
  return pondera::block_sum(x, 5, parallel) == 15.0 ? 0 : 1;
}
"""


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout.strip()


def main() -> None:
    python = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        run(python, "-m", "build", "--sdist", "--no-isolation", "--outdir", work, ROOT)
        (sdist,) = work.glob("pondera-*.tar.gz")
        run("tar", "xf", sdist, "-C", work)
        source = work / sdist.name.removesuffix(".tar.gz")
        run(python, "-m", "build", "--wheel", "--no-isolation", "--outdir", work, source)
        (wheel,) = work.glob("pondera-*.whl")
        print(f"sdist {sdist.stat().st_size / 1e6:.2f} MB, wheel {wheel.stat().st_size / 1e6:.2f} MB")

        venv.create(work / "bare", with_pip=True)
        bare = work / "bare" / "bin" / "python"
        run(bare, "-m", "pip", "install", "-q", wheel)
        run(bare, "-c", "import pondera as po; po.resample([0.0, 1.0], 3, rng=0)", cwd=work)
        include = Path(run(bare, "-c", "import pondera as po; print(po.get_include())", cwd=work))
        project = work / "consumer"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(CONSUMER)
        (project / "main.cpp").write_text(MAIN)
        prefix = include.parent / "share" / "cmake" / "pondera"
        run("cmake", "-S", project, "-B", project / "build", f"-Dpondera_DIR={prefix}")
        run("cmake", "--build", project / "build")
        run(project / "build" / "consumer")
        print("find_package(pondera): a program built on the installed headers runs")

        run(python, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "-e", source)
        run(python, "-m", "pip", "install", "-q", "numpy>=2.0", "scipy>=1.11")
        binding = source / "csrc" / "bindings" / "module.cpp"
        text = binding.read_text()
        binding.write_text(text.replace('m.def("isa_name"', 'm.attr("rebuilt") = true;\n  m.def("isa_name"', 1))
        if run(python, "-c", "import pondera._core as c; print(c.rebuilt)", cwd=work) != "True":
            raise SystemExit("the editable install did not rebuild after a change of csrc")
        run(python, "-m", "pip", "uninstall", "-q", "-y", "pondera")
        print("editable install: rebuilds on import after a change of csrc")


if __name__ == "__main__":
    main()
