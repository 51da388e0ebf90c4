"""The command line: exit codes, errors of one line, JSON, text that cannot hurt a terminal, what each command does."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import resource
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("click")
pytest.importorskip("rich")

import click
from click.testing import CliRunner, Result

import pondera as po
from pondera import _workers
from pondera.cli._app import app
from pondera.cli._base import clean

ESCAPE = "\x1b"
HOSTILE = f"{ESCAPE}[31mred{ESCAPE}]0;title\x07 \u202egnp.exe \u2028 \x9b2J [bold]x[/bold] :skull:"


def invoke(*arguments: str | Path) -> Result:
    try:
        runner = CliRunner(mix_stderr=False)  # click 8.1
    except TypeError:
        runner = CliRunner()
    return runner.invoke(app, [str(a) for a in arguments])


def complaint(result: Result, code: int) -> str:
    """The one line on stderr of a run that failed with `code`."""
    assert result.exit_code == code, (result.exit_code, result.stdout, result.stderr)
    assert result.stderr.startswith("pondera: ")
    assert result.stderr.count("\n") == 1
    assert result.stderr.isascii() or result.stderr.strip().isprintable()
    assert "Traceback" not in result.stderr
    return result.stderr


def shell(
    *arguments: str,
    code: str = "from pondera.cli import main; main()",
    path: Path | None = None,
    cwd: Path | None = None,
    **env: str,
) -> subprocess.CompletedProcess[str]:
    """A real process, its output piped; `path` comes first on its module path."""
    places = [str(path)] if path else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*places, *(p for p in sys.path if p)]), **env}
    for name in ("FORCE_COLOR", "COLUMNS"):
        environment.pop(name, None)
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, timeout=120, cwd=cwd
    )


def distribution(folder: Path, name: str, module: str) -> None:
    """A distribution with one plugin, as pip would leave it on the path."""
    (folder / f"pondera_{name}.py").write_text(textwrap.dedent(module))
    info = folder / f"pondera_{name}-1.2.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pondera-{name}\nVersion: 1.2.3\n")
    (info / "entry_points.txt").write_text(f"[pondera.plugins]\n{name} = pondera_{name}:plugin\n")


@pytest.fixture
def hostile(tmp_path):
    """A plugin whose texts attack the terminal, and one that fails to import with such a text."""
    distribution(
        tmp_path,
        "nasty",
        f"""
        import pondera as po
        plugin = po.Plugin("nasty", {HOSTILE!r}, (po.Method(
            name="nasty_method", target="missing_module:f", kind="estimate", unit="samples",
            summary={HOSTILE!r}, source={HOSTILE!r}, flags={{"slow": {HOSTILE!r}}}),))
        """,
    )
    distribution(tmp_path, "broken", f"raise RuntimeError('first line\\nsecond ' + {HOSTILE!r})")
    return tmp_path


# ------------------------------------------------------------------------------------------------------ every command


def commands() -> list[list[str]]:
    found: list[list[str]] = [[]]
    for name, command in app.commands.items():
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, inner] for inner in command.commands]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_of_every_command_says_what_it_does(words):
    for flag in ("--help", "-h"):
        result = invoke(*words, flag)
        assert result.exit_code == 0
        assert result.stdout.startswith(f"Usage: {' '.join(['app', *words])} ")
        assert "--debug" in result.stdout
        assert ESCAPE not in result.stdout
        assert result.stderr == ""


def test_the_commands_are_those_of_the_documentation():
    assert [" ".join(words) for words in commands()] == [
        "", "report", "list", "show", "doctor", "claims", "claims list", "claims run", "new-plugin"
    ]  # fmt: skip


def test_without_a_command_the_help_is_shown():
    assert invoke().exit_code == 0
    assert invoke().stdout == invoke("--help").stdout
    assert invoke("--version").stdout.strip() == f"pondera {po.__version__}"


@pytest.mark.parametrize(
    "words",
    [
        ["lst"],
        ["list", "--nope"],
        ["list", "--kind", "x"],
        ["list", f"{ESCAPE}[31m"],
        ["show"],
        ["claims"],
        ["claims", "run"],
        ["claims", "run", "x", "--all"],
        ["report", "--seed", "-1"],
        ["report", "a.csv"],
        ["new-plugin"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_line_and_exit_code_2(words):
    assert "--help)" in complaint(invoke(*words), 2)


def test_real_processes_keep_the_contract():
    good = shell("list", "--json")
    assert good.returncode == 0
    assert good.stderr == ""
    assert {m["plugin"] for m in json.loads(good.stdout)} >= {"core"}
    bad = shell("show", "psi")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "pondera: name: there is no 'psi'; did you mean psis, core.psis?\n"
    module = subprocess.run([sys.executable, "-m", "pondera", "show", "psi"], capture_output=True, text=True)
    assert (module.returncode, module.stderr) == (2, bad.stderr)


def test_a_name_of_any_length_gives_a_line_that_can_be_read():
    assert len(complaint(invoke("show", "x" * 10_000), 2)) < 1100


@pytest.mark.parametrize("words", [["--debug", "show", "psi"], ["show", "--debug", "psi"]])
def test_debug_shows_the_traceback_once(words):
    result = shell(*words)
    assert result.returncode == 2
    assert result.stderr.count("LookupError: ") == 1
    assert result.stderr.splitlines()[-1].startswith("pondera: name: there is no 'psi'")


def test_piped_output_holds_no_colour_and_no_progress():
    for words in (["list"], ["show", "psis"], ["doctor"], ["--help"]):
        result = shell(*words)
        assert result.returncode == 0, result.stderr
        assert ESCAPE not in result.stdout + result.stderr
        assert result.stderr == ""
        assert all(line == line.rstrip() for line in result.stdout.splitlines())
    lines = shell("list", COLUMNS="20").stdout.splitlines()
    assert any(line.startswith("core.psis ") and line.endswith("k-hat diagnostic") for line in lines)


def test_a_reader_that_leaves_is_no_traceback():
    command = [sys.executable, "-c", "from pondera.cli import main; main(['list'])"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) in (0, 1)


def test_a_terminal_that_lacks_a_letter_shows_its_number():
    result = shell("list", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    result = shell("show", "caf\u00e9", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert result.returncode == 2
    assert "caf\\xe9" in result.stderr


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_click_or_rich_one_line_names_the_command_to_install_them(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from pondera.cli import main; main(['list'])"
    result = shell(code=code)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == f"pondera: the command line needs {missing}: pip install 'pondera[cli]'\n"


def test_list_is_quick_and_imports_nothing_heavy():
    code = (
        "import sys; sys.argv[1:] = ['list']\nimport pondera.cli\ntry: pondera.cli.main()\nfinally: print(*sys.modules)"
    )
    loaded = shell(code=code).stdout.splitlines()[-1].split()
    assert "pondera.registry" in loaded
    heavy = {"torch", "sklearn", "scipy.stats", "pandas", "jax", "matplotlib", "scipy", "pondera.reporting", "jinja2"}
    assert not heavy & set(loaded)

    def seconds(code: str) -> float:
        """Processor time: what a free machine would take, whatever else runs on this one."""
        best = float("inf")
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            assert shell("list", code=code, OPENBLAS_NUM_THREADS="1").returncode == 0
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return best

    assert seconds("from pondera.cli import main; main()") - seconds("pass") < 0.6


# --------------------------------------------------------------------------------------------------- text on terminals


@given(st.text(), st.integers(1, 50))
def test_clean_text_is_printable_bounded_and_keeps_what_was_clean(text, limit):
    out = clean(text)
    assert out.isprintable()
    assert clean(out) == out
    assert len(clean(text, limit)) <= limit + 3
    if text.isprintable():
        assert out == text


def test_hostile_texts_reach_no_terminal(hostile):
    for words, code in [(["list"], 0), (["doctor"], 1), (["show", "nasty_method"], 1), (["show", HOSTILE], 2),
                        (["list", "--json"], 0), (["doctor", "--json"], 1), (["show", "nasty_method", "--json"], 1),
                        (["new-plugin", HOSTILE], 2), (["report", HOSTILE, "b.csv"], 2),
                        (["claims", "run", HOSTILE], 2)]:  # fmt: skip
        result = shell(*words, path=hostile)
        assert result.returncode == code, (words, result.stderr)
        for text in (result.stdout, result.stderr):
            assert not set(text) & set("\x1b\x07\x9b\u202e\u2028\x7f"), words
            assert all(line.isprintable() for line in text.splitlines())
        assert result.stderr.count("\n") <= 1, result.stderr
    assert "[bold]x[/bold] :skull:" in shell("list", path=hostile).stdout
    table = json.loads(shell("list", "--plugin", "nasty", "--json", path=hostile).stdout)
    assert table[0]["summary"] == HOSTILE


def test_hostile_texts_are_escaped_on_a_real_terminal_too(hostile):
    parent, child = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(hostile), *(p for p in sys.path if p)])}
    environment |= {"TERM": "xterm-256color", "COLUMNS": "200"}
    command = [sys.executable, "-m", "pondera", "list", "--plugin", "nasty"]
    process = subprocess.Popen(command, stdout=child, stderr=child, stdin=child, env=environment)
    os.close(child)
    seen = _drain(parent)
    assert process.wait(60) == 0
    assert "nasty_method" in seen
    assert ESCAPE in seen  # rich colours the head
    assert f"{ESCAPE}[31m" not in seen
    assert f"{ESCAPE}]0;" not in seen
    assert "\u202e" not in seen


def _drain(parent: int) -> str:
    out = b""
    while True:
        try:
            block = os.read(parent, 65536)
        except OSError:  # EIO: the other side is closed
            block = b""
        if not block:
            os.close(parent)
            return out.decode()
        out += block


# ------------------------------------------------------------------------------------------------ list, show and doctor


def test_list_json_is_what_the_registry_says():
    listed = json.loads(invoke("list", "--json").stdout)
    assert listed == [m.to_dict() for m in po.methods()]
    assert list(listed[0]) == ["name", "plugin", "system", "kind", "unit", "source", "status", "summary"]
    weights = json.loads(invoke("list", "--json", "--kind", "weight", "--plugin", "core").stdout)
    assert {m["kind"] for m in weights} == {"weight"}
    assert len(weights) == len(po.methods(kind="weight", plugin="core"))


def test_list_of_an_unknown_plugin_names_the_nearest():
    assert "there is no 'cora'; did you mean core?" in complaint(invoke("list", "--plugin", "cora"), 2)


def test_a_broken_plugin_is_named_and_survived(hostile):
    result = shell("list", path=hostile)
    assert result.returncode == 0
    assert "core.psis" in result.stdout
    assert "broken" in result.stderr
    assert shell("list", "--quiet", path=hostile).stderr == ""
    doctor = shell("doctor", "--json", path=hostile)
    assert doctor.returncode == 1
    facts = json.loads(doctor.stdout)
    assert facts["failures"]["broken"].startswith("RuntimeError: first line")
    assert {"name": "nasty", "distribution": "pondera-nasty", "version": "1.2.3", "methods": 1} in facts["plugins"]
    assert "broken failed" in doctor.stderr


def test_show_tells_metadata_signature_and_docstring():
    text = invoke("show", "core.psis").stdout
    assert "psis(log_weights, *, r_eff=1.0, workers=None)" in text
    assert "arXiv:1507.02646" in text
    assert "Returns\n-------" in text
    facts = json.loads(invoke("show", "psis", "--json").stdout)
    assert facts["target"] == "pondera.weights:psis"
    assert facts["signature"] == "psis(log_weights, *, r_eff=1.0, workers=None)"
    assert facts["docstring"].startswith("Pareto-smoothed importance sampling")
    assert facts["flags"] == {"no_seed": "draws nothing"}
    assert set(po.method("psis").to_dict()) < set(facts)


def test_show_of_a_target_that_does_not_import_still_shows_the_metadata(hostile):
    result = shell("show", "nasty.nasty_method", path=hostile)
    assert result.returncode == 1
    assert "missing_module:f" in result.stdout
    assert "nasty.nasty_method cannot be imported: No module named 'missing_module'" in result.stderr
    facts = json.loads(shell("show", "nasty_method", "--json", path=hostile).stdout)
    assert (facts["signature"], facts["docstring"]) == (None, None)
    assert "missing_module" in facts["error"]


def test_doctor_tells_build_isa_threads_and_packages():
    from pondera import _core

    result = shell("doctor", "--json", PONDERA_NUM_THREADS="3")
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["version"] == po.__version__
    assert facts["isa"] == _core.isa_name()
    assert facts["threads"] == {"count": 3, "source": "PONDERA_NUM_THREADS"}
    assert re.match(r"(gcc|clang) \d+", facts["build"]["compiler"])
    assert facts["build"]["type"]
    assert facts["headers"]["version"] == "v" + "_".join(po.__version__.split(".")[:2])
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["plugins"][0]["name"] == "core"
    assert facts["plugins"][0]["version"] == po.__version__
    assert facts["problems"] == []
    assert "PONDERA_NUM_THREADS" in shell("doctor", PONDERA_NUM_THREADS="3").stdout


def test_doctor_names_a_thread_number_that_is_none():
    result = shell("doctor", PONDERA_NUM_THREADS="many")
    assert result.returncode == 1
    assert result.stderr == "pondera: PONDERA_NUM_THREADS: expected a positive integer, received 'many'\n"


def test_the_source_of_the_thread_number_is_the_first_that_says_one(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setenv("PONDERA_NUM_THREADS", "")
    assert _workers.default() == (4, "OMP_NUM_THREADS")
    monkeypatch.setenv("PONDERA_NUM_THREADS", "2")
    assert _workers.default() == (2, "PONDERA_NUM_THREADS")
    monkeypatch.delenv("PONDERA_NUM_THREADS")
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(_workers, "_affinity", lambda: 6)
    monkeypatch.setattr(_workers, "_container_quota", lambda: 2)
    assert _workers.default() == (2, "the container's CPU quota")
    monkeypatch.setattr(_workers, "_container_quota", lambda: None)
    assert _workers.default() == (6, "the CPUs this process may use")


# --------------------------------------------------------------------------------------------------------------- claims

GOOD = """
    import numpy as np
    from toy_claims_helper import VALUE

    TITLE = "A good claim"
    SOURCE = "arXiv:0000.00000"

    def run(*, quick=False, progress=lambda fraction, stage: None):
        progress(0.5, "half")
        return {
            "plugin": "toy", "system": "good", "title": TITLE, "source": SOURCE, "reproduced": np.bool_(True),
            "reason": "", "seeds": 1 if quick else 5,
            "rows": [{"name": "error", "ours": np.float64(VALUE), "baseline": float("nan"), "paper": None}],
        }
"""


@pytest.fixture
def checkout(tmp_path):
    """A source checkout with two claims and a file that is none."""
    folder = tmp_path / "checkout" / "benchmarks" / "claims"
    (folder / "toy").mkdir(parents=True)
    (tmp_path / "checkout" / "toy_claims_helper.py").write_text("VALUE = 0.25\n")
    (folder / "toy" / "good.py").write_text(textwrap.dedent(GOOD))
    missed = GOOD.replace("np.bool_(True)", "False").replace('"reason": ""', '"reason": "too small"')
    (folder / "toy" / "missed.py").write_text(textwrap.dedent(missed.replace('"good"', '"missed"')))
    (folder / "toy" / "_shared.py").write_text("raise RuntimeError('no claim')\n")
    return tmp_path / "checkout"


def add_claim(checkout: Path, plugin: str, system: str, text: str) -> None:
    folder = checkout / "benchmarks" / "claims" / plugin
    folder.mkdir(exist_ok=True)
    (folder / f"{system}.py").write_text(textwrap.dedent(text))


def results(checkout: Path) -> Path:
    return checkout / "benchmarks" / "claims" / "results"


def test_claims_are_listed_without_being_imported(checkout):
    add_claim(checkout, "toy", "heavy", "raise SystemExit\nTITLE = 'Heavy'\nSOURCE = 'somewhere'\n")
    result = invoke("claims", "list", "--json", "--root", checkout)
    assert result.exit_code == 0
    listed = json.loads(result.stdout)
    assert [(c["plugin"], c["system"], c["title"]) for c in listed] == [
        ("toy", "good", "A good claim"),
        ("toy", "heavy", "Heavy"),
        ("toy", "missed", "A good claim"),
    ]
    assert {c["reproduced"] for c in listed} == {None}
    assert "toy/heavy" in invoke("claims", "list", "--root", checkout).stdout
    add_claim(checkout, "toy", "torn", "TITLE = (")
    complaint(invoke("claims", "list", "--root", checkout), 2)


def test_a_claim_is_run_printed_and_stored(checkout, monkeypatch):
    deep = checkout / "python" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)  # found upwards
    result = invoke("claims", "run", "good", "toy/missed")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"error +0\.25 +nan\n", result.stdout)
    assert "reproduced: yes; seeds: 5" in result.stdout
    assert "reproduced: no (too small)" in result.stdout
    stored = json.loads((results(checkout) / "toy-good.json").read_text())
    assert stored["rows"] == [{"name": "error", "ours": 0.25, "baseline": "nan", "paper": None}]
    assert (stored["reproduced"], stored["plugin"], stored["system"]) == (True, "toy", "good")
    assert stored["seconds"] >= 0
    assert sorted(p.name for p in results(checkout).iterdir()) == ["toy-good.json", "toy-missed.json"]
    listed = json.loads(invoke("claims", "list", "--json").stdout)
    assert [c["reproduced"] for c in listed] == [True, False]
    assert not [name for name in sys.modules if name.startswith("pondera_claim")]
    assert str(checkout) not in sys.path


def test_a_quick_run_never_replaces_a_full_one(checkout):
    root = ("--root", checkout)
    assert invoke("claims", "run", "--all", "--quick", *root).exit_code == 0
    path = results(checkout) / "toy-good.json"
    assert json.loads(path.read_text())["quick"] is True
    assert invoke("claims", "run", "toy.good", *root).exit_code == 0
    full = path.read_text()
    assert json.loads(full)["quick"] is False
    again = invoke("claims", "run", "toy-good", "--quick", *root)
    assert again.exit_code == 0
    assert "not stored" in again.stderr
    assert path.read_text() == full


def test_one_broken_claim_leaves_the_others_alone(checkout, tmp_path):
    add_claim(checkout, "other", "broken", "TITLE = SOURCE = ''\ndef run(**_): raise RuntimeError('no\\nluck')\n")
    out = tmp_path / "run.json"
    result = invoke("claims", "run", "--all", "--json", out, "--root", checkout)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "pondera: other/broken: no luck",
        "pondera: could not be run: other/broken",
    ]
    assert [r["system"] for r in json.loads(out.read_text())] == ["good", "missed"]
    assert sorted(p.name for p in results(checkout).iterdir()) == ["toy-good.json", "toy-missed.json"]
    traced = invoke("claims", "run", "broken", "--debug", "--root", checkout)
    assert "Traceback" in traced.stderr


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ('"rows": []', "rows: expected"),
        ('"rows": [{"name": "x", "ours": 1}]', "rows[0]: lacks baseline, paper"),
        ('"reproduced": "yes"', "reproduced: expected True or False"),
        ('"reproduced": False', "reason: a claim that did not reproduce says why"),
        ('"system": "other"', "system: the file stands for"),
        ('"title": 3', "title: expected a string"),
        ('"extra": object()', "a result holds a object"),
    ],
)
def test_a_result_that_breaks_the_contract_is_refused_by_key(checkout, change, key):
    # The last entry of a dictionary wins.
    add_claim(checkout, "toy", "good", re.sub(r"\}\n$", f"    {change}}}\n", textwrap.dedent(GOOD)))
    result = invoke("claims", "run", "good", "--root", checkout)
    assert result.exit_code == 1
    assert key in result.stderr
    assert not results(checkout).exists()


def test_claims_that_cannot_be_chosen_are_refused(checkout, tmp_path, monkeypatch):
    add_claim(checkout, "other", "good", GOOD)
    root = ("--root", checkout)
    assert "ambiguous: other/good, toy/good" in complaint(invoke("claims", "run", "good", *root), 2)
    assert "did you mean" in complaint(invoke("claims", "run", "mised", *root), 2)
    complaint(invoke("claims", "run", "toy/good", "--json", tmp_path / "no" / "x.json", *root), 2)
    assert "not a regular file" in complaint(invoke("claims", "run", "toy/good", "--json", "/dev/null", *root), 2)
    assert not results(checkout).exists()
    monkeypatch.chdir("/")  # a temporary folder may itself lie in a checkout
    for words in (["claims", "list"], ["claims", "run", "--all"]):
        assert "run it in a source checkout" in complaint(invoke(*words), 2)


# ----------------------------------------------------------------------------------------------------------- new-plugin


def files(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_new_plugin_writes_a_whole_project(tmp_path):
    result = invoke("new-plugin", "two_tides", "--out", tmp_path / "made")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"pip install {tmp_path / 'made' / 'pondera-two-tides'}",
        "pytest --pondera-plugin two_tides",
    ]
    written = files(tmp_path / "made" / "pondera-two-tides")
    assert list(written) == [
        "LICENSE",
        "README.md",
        "pyproject.toml",
        "src/pondera_two_tides/__init__.py",
        "src/pondera_two_tides/examples.py",
        "src/pondera_two_tides/shift.py",
        "tests/test_two_tides.py",
    ]
    for name, text in written.items():
        assert "{{" not in text
        assert "jinja" not in text
        if name.endswith(".py"):
            compile(text, name, "exec")


def test_the_template_by_copier_gives_the_same_files(tmp_path):
    copier = pytest.importorskip("copier")
    from pondera.cli import _new_plugin

    ours = _new_plugin.write("two_tides", tmp_path)
    theirs = tmp_path / "theirs"
    copier.run_copy(str(_new_plugin.TEMPLATE.parent), theirs, data={"name": "two_tides"}, quiet=True)
    assert files(theirs) == files(ours)


@pytest.mark.parametrize(
    "name", ["", "Tides", "two-tides", "2tides", "class", "tides_", "caf\u00e9", "../x", "a b", "core", "x" * 300]
)
def test_names_that_name_no_plugin_are_refused(tmp_path, name):
    complaint(invoke("new-plugin", name, "--out", tmp_path), 2)
    assert list(tmp_path.iterdir()) == []


def test_new_plugin_suggests_a_name_and_keeps_what_is_there(tmp_path):
    assert "try two_tides" in complaint(invoke("new-plugin", "Two-Tides"), 2)
    (tmp_path / "pondera-tides").mkdir()
    assert "exists" in complaint(invoke("new-plugin", "tides", "--out", tmp_path), 2)
    assert list((tmp_path / "pondera-tides").iterdir()) == []


def test_a_full_disk_leaves_no_half_plugin(tmp_path, monkeypatch):
    def fail(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", fail)
    assert "No space left" in complaint(invoke("new-plugin", "tides", "--out", tmp_path), 2)
    assert list(tmp_path.iterdir()) == []


def test_a_new_plugin_installs_appears_and_passes_the_conformance_kit(tmp_path):
    pytest.importorskip("flit_core")
    assert invoke("new-plugin", "made_tides", "--out", tmp_path).exit_code == 0
    project, site = tmp_path / "pondera-made-tides", tmp_path / "site"
    before = files(project)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(project)], check=True, timeout=120)
    assert files(project) == before
    listed = json.loads(shell("list", "--plugin", "made_tides", "--json", path=site).stdout)
    assert [m["name"] for m in listed] == ["weighted_shift"]
    code = "import pytest; raise SystemExit(pytest.main())"
    done = shell(
        "-v", "-p", "no:cacheprovider", "--pondera-plugin", "made_tides", "tests", code=code, path=site, cwd=project
    )
    assert done.returncode == 0, done.stdout
    passed = [line for line in done.stdout.splitlines() if " PASSED" in line]
    assert any("weighted_shift::coverage" in line for line in passed)  # the kit
    assert any("test_equal_weights_move_nothing" in line for line in passed)  # the plugin's own tests


# --------------------------------------------------------------------------------------------------------------- report


class InputError(ValueError):
    pass


class FakeReport:
    verdicts = (
        {"level": "bad", "text": f"Column {HOSTILE} moved"},
        {"level": "good", "text": "The weights can be trusted"},
    )

    def write_html(self, path):
        Path(path).write_text("<html>")

    def write_json(self, path):
        Path(path).write_text("{}")


@pytest.fixture
def reporting(monkeypatch, tmp_path):
    """`pondera.reporting` as the command sees it; remembers its calls."""
    fake = types.ModuleType("pondera.reporting")
    fake.calls = []

    def from_files(reference, target, **kwargs):
        fake.calls.append((reference, target, kwargs))
        kwargs["progress"](1, 2, "half")
        return FakeReport()

    def demo(**kwargs):
        fake.calls.append(kwargs)
        return FakeReport()

    fake.InputError, fake.from_files, fake.demo = InputError, from_files, demo
    monkeypatch.setitem(sys.modules, "pondera.reporting", fake)
    monkeypatch.chdir(tmp_path)
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    return fake


def test_report_without_arguments_is_the_demo(reporting, tmp_path):
    result = invoke("report")
    assert result.exit_code == 0, result.stderr
    (call,) = reporting.calls
    assert (call["rng"], call["workers"]) == (0, None)
    assert (tmp_path / "report.html").read_text() == "<html>"
    assert "report.html (0.00 MB)" in result.stdout
    assert re.search(r"good +The weights can be trusted", result.stdout)
    assert all(line.isprintable() for line in result.stdout.splitlines())
    assert result.stderr == ""


def test_report_passes_everything_on(reporting, tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"")
    result = invoke(
        "report", "old.csv", "new.csv", "--label", "y", "--model", "m.onnx", "--task", "regression", "--out", "a.html",
        "--json", "a.json", "--seed", "7", "--workers", "2",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    ((reference, target, kwargs),) = reporting.calls
    assert (Path(reference), Path(target)) == (Path("old.csv"), Path("new.csv"))
    progress = kwargs.pop("progress")
    assert progress(2, 2, "end") is None
    assert kwargs == {"label": "y", "model": Path("m.onnx"), "task": "regression", "rng": 7, "workers": 2}
    assert (tmp_path / "a.html").exists()
    assert (tmp_path / "a.json").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "a.json", "m.onnx", "new.csv", "old.csv"]
    assert invoke("report", "--quiet").stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("reference: no column in common"), 2),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "old.csv"), 2),
        (PermissionError(errno.EACCES, "Permission denied", "old.csv"), 2),
        (ImportError("needs onnxruntime: pip install onnxruntime"), 2),
        (OSError(errno.ENOSPC, "No space left on device", "old.csv"), 1),
        (ValueError("the optimiser diverged"), 1),
        (TypeError("a bug"), 1),
        (KeyError("x"), 1),
        (MemoryError(), 1),
        (RuntimeError("line one\nline two"), 1),
    ],
)
def test_errors_of_the_analysis_are_one_line_with_their_code(reporting, tmp_path, monkeypatch, error, code):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(reporting, "from_files", fail)
    line = complaint(invoke("report", "old.csv", "new.csv"), code)
    assert len(line) > len("pondera: \n") + 3
    assert not (tmp_path / "report.html").exists()


def test_a_missing_package_comes_with_the_line_that_installs_it(reporting, monkeypatch):
    def fail(**kwargs):
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    monkeypatch.setattr(reporting, "demo", fail)
    assert "No module named 'sklearn'; pip install 'pondera[report]'" in complaint(invoke("report"), 2)


@pytest.mark.parametrize("failing", ["write_html", "write_json"])
@pytest.mark.parametrize("existing", [False, True])
def test_outputs_appear_all_or_none(reporting, tmp_path, monkeypatch, failing, existing):
    def fail(self, path):
        Path(path).write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FakeReport, failing, fail)
    if existing:
        (tmp_path / "report.html").write_text("earlier")
    before = files(tmp_path)
    line = complaint(invoke("report", "--json", "report.json"), 1)
    assert line == f"pondera: {'report.html' if failing == 'write_html' else 'report.json'}: No space left on device\n"
    assert files(tmp_path) == before
    assert all(p.is_file() for p in tmp_path.iterdir())


def test_ctrl_c_leaves_nothing_and_says_so(reporting, tmp_path, monkeypatch):
    def interrupt(self, path):
        Path(path).write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeReport, "write_html", interrupt)
    result = invoke("report")
    assert result.exit_code == 130
    assert result.stderr.strip() == "pondera: interrupted"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.csv", "old.csv"]


@pytest.mark.parametrize(
    "words",
    [
        ["--label", "y"],
        ["--model", "old.csv"],
        ["old.csv", "new.csv", "--workers", "0"],
        ["old.csv", "new.csv", "--task", "ranking"],
        ["old.csv", "new.csv", "--out", "none/report.html"],
        ["old.csv", "new.csv", "--out", "."],
        ["old.csv", "new.csv", "--out", "/dev/null"],
        ["old.csv", "new.csv", "--out", "old.csv"],
        ["old.csv", "new.csv", "--json", "./new.csv"],
        ["old.csv", "new.csv", "--out", "r.html", "--json", "./r.html"],
        ["old.csv", "new.csv", "third.csv"],
    ],
    ids=" ".join,
)
def test_what_cannot_end_well_is_refused_before_any_work(reporting, tmp_path, words):
    before = files(tmp_path)
    complaint(invoke("report", *words), 2)
    assert reporting.calls == []
    assert files(tmp_path) == before


def test_a_link_is_followed_not_replaced(reporting, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.html").symlink_to(tmp_path / "real" / "page.html")
    assert invoke("report", "--out", "link.html").exit_code == 0
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real" / "page.html").read_text() == "<html>"


def test_a_directory_that_cannot_be_written_is_refused_before_any_work(reporting, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    assert "cannot be written" in complaint(invoke("report"), 2)
    assert reporting.calls == []


def test_open_opens_the_page(reporting, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(click, "launch", lambda url: opened.append(url))
    assert invoke("report", "--open").exit_code == 0
    assert opened == [(tmp_path / "report.html").as_uri()]


def test_warnings_about_trust_stay_in_the_report(reporting, monkeypatch, recwarn):
    import warnings

    def demo(**kwargs):
        warnings.warn("Pareto k", po.WeightWarning, stacklevel=1)
        return FakeReport()

    monkeypatch.setattr(reporting, "demo", demo)
    result = invoke("report")
    assert (result.exit_code, result.stderr, len(recwarn)) == (0, "", 0)


def test_progress_shows_on_a_terminal_and_can_be_silenced(tmp_path):
    code = textwrap.dedent(
        f"""
        import sys, types, pathlib
        fake = types.ModuleType("pondera.reporting")
        class Report:
            verdicts = []
            def write_html(self, path): pathlib.Path(path).write_text("x")
        def demo(progress, **_):
            progress(1, 2, {HOSTILE!r} + "stage")
            return Report()
        fake.demo = demo
        sys.modules["pondera.reporting"] = fake
        from pondera.cli import main
        main()
        """
    )
    seen = {}
    for words in (["report"], ["report", "--quiet"]):
        parent, child = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "TERM": "xterm"}
        command = [sys.executable, "-c", code, *words]
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=child)
        os.close(child)
        seen[len(words)] = _drain(parent)
        assert process.wait(60) == 0
    assert "50%" in seen[1]
    assert f"{ESCAPE}[31m" not in seen[1]
    assert f"{ESCAPE}]0;" not in seen[1]
    assert seen[2] == ""
