"""The pytest plugin: ``pytest --pondera-plugin NAME`` runs the conformance kit, one test a method and check.

Without paths on the command line only these tests run; with paths, both. ``-k`` and ``-v`` work as ever.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("pondera").addoption(
        "--pondera-plugin",
        action="append",
        default=[],
        metavar="NAME",
        help="run pondera's conformance kit on every method of this plugin (may be repeated)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("pondera_plugin") and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []  # the kit alone, not the tests below the working directory


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the kit's tests before ``-k`` and ``-m`` choose."""
    for name in config.getoption("pondera_plugin"):
        for collector in _methods(session, name):
            report = config.hook.pytest_make_collect_report(collector=collector)
            config.hook.pytest_collectreport(report=report)  # the terminal counts what it reports
            items.extend(report.result)


def _methods(session: pytest.Session, plugin: str) -> Iterator[MethodUnderTest]:
    from . import registry

    for where, reason in registry.failures().items():
        if where == plugin or where.startswith(f"{plugin} ("):
            raise pytest.UsageError(f"--pondera-plugin: {where}: {reason}")
    try:
        methods = registry.methods(plugin=plugin)
    except LookupError as error:
        raise pytest.UsageError(f"--pondera-plugin: {error}") from None
    for method in methods:
        collector = MethodUnderTest.from_parent(session, name=method.full_name, nodeid=method.full_name)
        collector.method = method
        yield collector


class MethodUnderTest(pytest.Collector):
    """One method; its tests are the kit's checks."""

    method: Any

    def collect(self) -> Iterator[pytest.Item]:
        from .testing import CHECKS

        for check in CHECKS:
            yield CheckOfMethod.from_parent(self, name=check)


class CheckOfMethod(pytest.Item):
    """One check of one method."""

    def runtest(self) -> None:
        from .testing import check_method

        assert isinstance(self.parent, MethodUnderTest)
        try:
            (check,) = check_method(self.parent.method, checks=[self.name])
        except ImportError as error:
            if all(importlib.util.find_spec(name) for name in self.parent.method.requires):
                raise
            pytest.skip(str(error))
        if check.outcome == "skipped":
            pytest.skip(check.detail)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, AssertionError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.nodeid
