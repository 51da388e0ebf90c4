"""Plugins and methods: discovery that survives anything, look-up that says what it found."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pondera as po
from distributions import install, plugin
from pondera import registry


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A folder on the path whose distributions the registry sees; forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.refresh()
    yield tmp_path
    registry.refresh()


def forget(*modules: str) -> None:
    for name in modules:
        sys.modules.pop(name, None)


def method(**fields) -> po.Method:
    given = {
        "name": "fair_mean",
        "target": "somewhere:fair_mean",
        "kind": "estimate",
        "unit": "samples",
        "summary": "-",
    }
    return po.Method(**{**given, **fields})


def test_the_core_is_the_first_plugin_and_its_methods_are_listed():
    first = registry.plugins()[0]
    assert first.name == "core"
    assert {m.full_name for m in po.methods(plugin="core")} >= {"core.psis", "core.resample", "core.shapley"}
    assert all(m.plugin == "core" for m in first.methods)


def test_a_broken_plugin_is_named_and_takes_nothing_else_down(environment):
    install(environment, "sunk", "sunk_one", "raise RuntimeError('no water')")
    install(environment, "quitter", "quitter_one", "raise SystemExit(3)")
    install(environment, "absent", "absent_one", "import a_module_that_is_not_there")
    install(environment, "tides", "tides_one", plugin("tides"))
    assert {"core", "tides"} <= {p.name for p in registry.plugins()}
    failures = registry.failures()
    assert failures["sunk"] == "RuntimeError: no water"
    assert failures["quitter"] == "SystemExit: 3"
    assert "a_module_that_is_not_there" in failures["absent"]
    assert po.method("tides.fair_mean").plugin == "tides"
    with pytest.raises(LookupError, match="'sunk' failed to import: RuntimeError: no water"):
        po.method("sunk.anything")
    forget("tides_one")


def test_entry_points_that_do_not_match_are_named(environment):
    install(environment, "ebb", "ebb_one", plugin("flow"))
    install(environment, "number", "number_one", "plugin = 3")
    install(environment, "nothing", "nothing_one", "")
    failures = registry.failures()
    assert failures["ebb"] == "ValueError: the entry point is called 'ebb', its plugin 'flow'"
    assert failures["number"] == "TypeError: number_one:plugin is a int, expected a pondera.Plugin"
    assert failures["nothing"].startswith("AttributeError")
    forget("ebb_one", "number_one", "nothing_one")


def test_two_plugins_of_one_name_are_reported_and_the_first_stays(environment):
    install(environment, "tides", "tides_a", plugin("tides", method="first_mean"))
    install(environment, "tides", "tides_b", plugin("tides", method="second_mean"))
    install(environment, "core", "impostor", plugin("core", method="third_mean"))
    assert [m.name for m in po.methods(plugin="tides")] == ["first_mean"]
    assert registry.failures()["tides (tides_b)"] == "a plugin named 'tides' exists already"
    assert registry.failures()["core (impostor)"] == "a plugin named 'core' exists already"
    assert "third_mean" not in {m.name for m in po.methods(plugin="core")}
    forget("tides_a", "tides_b")


def test_a_name_of_two_plugins_is_ambiguous_and_the_full_name_always_resolves(environment):
    install(environment, "ebbs", "ebbs_one", plugin("ebbs"))
    install(environment, "flows", "flows_one", plugin("flows"))
    install(environment, "mine", "mine_one", plugin("mine", method="psis"))
    with pytest.raises(LookupError, match=r"'fair_mean' is ambiguous: ebbs\.fair_mean, flows\.fair_mean"):
        po.method("fair_mean")
    with pytest.raises(LookupError, match=r"core\.psis, mine\.psis"):
        po.method("psis")
    for item in po.methods():
        assert po.method(item.full_name) is item
    forget("ebbs_one", "flows_one", "mine_one")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(LookupError, match=r"there is no 'psiss'; did you mean psis"):
        po.method("psiss")
    with pytest.raises(LookupError, match=r"there is no 'cor'; did you mean core"):
        po.methods(plugin="cor")
    with pytest.raises(LookupError, match=r"there is no 'zzzzzz'$"):
        po.method("zzzzzz")
    with pytest.raises(ValueError, match="kind: expected one of estimate, weight"):
        po.methods(kind="weights")


def test_methods_are_chosen_by_kind_plugin_and_system(environment):
    code = plugin("tides").replace('summary="A mean"', 'summary="A mean", system="cochran"')
    install(environment, "tides", "tides_two", code)
    assert [m.full_name for m in po.methods(system="cochran")] == ["tides.fair_mean"]
    assert {m.kind for m in po.methods(kind="weight")} == {"weight"}
    assert po.methods(plugin="tides", kind="weight") == ()
    forget("tides_two")


def test_listing_and_showing_import_no_target():
    code = (
        "import sys, pondera as po\n"
        "for m in po.methods(): m.to_dict(), repr(m)\n"
        "loaded = {m.target.partition(':')[0] for m in po.methods(plugin='core')} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert po.method('core.psis')([0.0] * 30 ).pareto_k == -float('inf')\n"
        "assert 'pondera.weights' in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_a_method_is_callable_and_its_target_is_the_function():
    assert po.method("core.psis").load() is po.psis
    assert po.method("psis")([0.0] * 40).pareto_k == -float("inf")
    assert po.method("psis").load_example().data == ("log_weights",)


def test_missing_requirements_targets_and_examples_say_what_is_missing():
    with pytest.raises(ImportError, match="fair_mean needs not_a_package: pip install not_a_package"):
        method(requires=("not_a_package",)).load()
    with pytest.raises(ImportError, match="math has no fair_mean"):
        method(target="math:fair_mean").load()
    with pytest.raises(ValueError, match="declares no example"):
        method().load_example()


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"name": "map"}, ValueError, "four letters"),
        ({"name": "two words"}, ValueError, "four letters"),
        ({"name": "lambda"}, ValueError, "four letters"),
        ({"name": "FairMean"}, ValueError, "snake_case"),
        ({"target": "somewhere.fair_mean"}, ValueError, "target: expected 'package.module:attribute'"),
        ({"example": "a:b:c"}, ValueError, "example: expected"),
        ({"kind": "estimator"}, ValueError, "kind: expected one of"),
        ({"unit": "rows"}, ValueError, "unit: expected one of"),
        ({"status": "beta"}, ValueError, "status: expected one of"),
        ({"flags": {"quick": "because"}}, ValueError, "flags: expected one of"),
        ({"flags": {"slow": " "}}, ValueError, "flags: slow needs its reason"),
        ({"requires": "torch"}, TypeError, "requires: expected a tuple"),
    ],
)
def test_wrong_metadata_is_refused_by_name(fields, error, words):
    with pytest.raises(error, match=words):
        method(**fields)


def test_plugins_refuse_what_is_not_a_method_and_names_given_twice():
    with pytest.raises(TypeError, match="methods: expected Method objects, received str"):
        po.Plugin("tides", "-", ["fair_mean"])
    with pytest.raises(ValueError, match="'fair_mean' is listed twice"):
        po.Plugin("tides", "-", [method(), method()])
    with pytest.raises(ValueError, match="name: expected an identifier"):
        po.Plugin("high tides", "-")


def test_fields_beyond_the_first_are_keyword_only_with_defaults():
    with pytest.raises(TypeError):
        po.Method("fair_mean", "somewhere:fair_mean")  # type: ignore[misc]
    fair = method()
    assert (fair.system, fair.source, fair.example, fair.requires, dict(fair.flags)) == ("", "", "", (), {})
    assert (fair.status, fair.since, fair.plugin, fair.full_name) == ("stable", "", "", "fair_mean")
    with pytest.raises(AttributeError):
        fair.status = "experimental"  # type: ignore[misc]
    assert set(fair.to_dict()) == {"name", "plugin", "system", "kind", "unit", "source", "status", "summary"}
