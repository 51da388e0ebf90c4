"""``pondera doctor``: what is installed, how it was built, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from typing import Any

import click

from .. import __version__, _core, _workers
from .. import get_include as include
from ..registry import GROUP, failures, plugins
from ._base import common, echo_json, one_line, table

# Distributions of the extras, in the order of pyproject.toml; numpy and scipy are the core's own.
PACKAGES = (
    "numpy",
    "scipy",
    "click",
    "rich",
    "jinja2",
    "scikit-learn",
    "pandas",
    "pyarrow",
    "onnxruntime",
    "skops",
    "matplotlib",
    "tqdm",
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON object.")
@common
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Show versions, build, threads and plugins; exit 1 if one is broken."""
    facts = examine()
    if as_json:
        echo_json(facts)
    else:
        _print(facts)
    if facts["problems"]:
        raise click.ClickException("; ".join(facts["problems"]))


def examine() -> dict[str, Any]:
    """All facts, as plain data."""
    problems = [f"plugin {name} failed: {reason}" for name, reason in failures().items()]
    threads: dict[str, Any]
    try:
        count, source = _workers.default()
        threads = {"count": count, "source": source}
    except ValueError as error:
        threads = {"count": None, "source": one_line(error)}
        problems.append(one_line(error))
    build = dict(_core.build_info())
    return {
        "version": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "build": build,
        "headers": {"version": build.pop("headers"), "path": include()},
        "isa": _core.isa_name(),
        "threads": threads,
        "packages": {name: _version(name) for name in PACKAGES},
        "plugins": _plugins(),
        "failures": failures(),
        "problems": problems,
    }


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _plugins() -> list[dict[str, Any]]:
    sources = {e.name: e.dist for e in importlib.metadata.entry_points(group=GROUP) if e.dist is not None}
    out = []
    for plugin in plugins():
        source = sources.get(plugin.name)
        version = __version__ if plugin.name == "core" else source.version if source else None
        name = "pondera" if plugin.name == "core" else source.name if source else None
        out.append({"name": plugin.name, "distribution": name, "version": version, "methods": len(plugin.methods)})
    return out


def _print(facts: dict[str, Any]) -> None:
    build, threads = facts["build"], facts["threads"]
    asserts = "asserts on" if build["asserts"] else "asserts off"
    rows = [
        ("pondera", facts["version"]),
        ("python", facts["python"]),
        ("platform", facts["platform"]),
        ("compiler", build["compiler"]),
        (
            "build",
            f"{build['type'] or 'no build type'}, {asserts}: {build['flags']}",
        ),
        ("headers", f"{facts['headers']['version']}, {facts['headers']['path']}"),
        ("instruction set", facts["isa"]),
        ("threads", f"{threads['count'] or '?'}, from {threads['source']}"),
        *((name, version or "not installed") for name, version in facts["packages"].items()),
    ]
    for plugin in facts["plugins"]:
        where = f"{plugin['distribution'] or 'unknown distribution'} {plugin['version'] or ''}".strip()
        rows.append((f"plugin {plugin['name']}", f"{where}, {plugin['methods']} methods"))
    rows += [(f"plugin {name}", f"FAILED: {reason}") for name, reason in facts["failures"].items()]
    table(("what", "is"), rows)
