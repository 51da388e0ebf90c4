"""Plugins and their methods: entry points, lazy targets, look-up by name.

A distribution advertises ``[project.entry-points."pondera.plugins"] NAME = "package:plugin"`` where ``plugin`` is a
`Plugin`. Listing methods imports no target; a plugin that fails to import is reported by name and takes nothing else
down. The core lists its own functions as plugin ``core``.
"""

from __future__ import annotations

import difflib
import importlib
import keyword
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["FLAGS", "KINDS", "UNITS", "Method", "Plugin", "failures", "method", "methods", "plugins", "refresh"]

GROUP = "pondera.plugins"
KINDS = (
    "estimate",
    "weight",
    "attribution",
    "ranking",
    "selection",
    "objective",
    "model",
    "evaluation",
    "transform",
    "sampler",
)
UNITS = ("samples", "features", "tokens", "parameters", "layers", "experts", "data")
FLAGS = ("no_seed", "exact", "in_place", "no_threads", "float64_only", "slow")


def _one_of(name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, received {value!r}")


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Method:
    """Metadata and a lazy target; calling it loads the target and calls that.

    Parameters
    ----------
    name : str
        The target's snake_case name: an identifier of four letters or more.
    target : str
        ``"package.module:attribute"``.
    kind, unit : str
        One of `KINDS` and one of `UNITS`.
    summary : str
        One line.
    system : str
        Slug that groups the methods of one paper; empty for none.
    source : str
        The paper, as ``arXiv:1806.07421`` or a reference.
    example : str
        ``"package.module:function"``; the function returns a `pondera.testing.Example`.
    requires : tuple of str
        Modules that must be importable beyond the plugin's own dependencies.
    flags : mapping of str to str
        Declared exceptions to the conformance kit, each with its reason. Keys from `FLAGS`.
    status : {"stable", "experimental"}
    since : str
        First version that had it.
    plugin : str
        Set by the `Plugin` that lists the method.

    Examples
    --------
    >>> import pondera as po
    >>> method = po.method("core.psis")
    >>> method.kind, method.full_name
    ('weight', 'core.psis')
    """

    name: str
    target: str
    kind: str
    unit: str
    summary: str
    system: str = ""
    source: str = ""
    example: str = ""
    requires: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)
    status: str = "stable"
    since: str = ""
    plugin: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or keyword.iskeyword(self.name) or len(self.name) < 4:
            raise ValueError(f"name: expected an identifier of four letters or more, received {self.name!r}")
        if self.name != self.name.lower():
            raise ValueError(f"name: expected snake_case, received {self.name!r}")
        for label in ("target", "example"):
            value = getattr(self, label)
            if (value or label == "target") and value.count(":") != 1:
                raise ValueError(f"{label}: expected 'package.module:attribute', received {value!r}")
        _one_of("kind", self.kind, KINDS)
        _one_of("unit", self.unit, UNITS)
        _one_of("status", self.status, ("stable", "experimental"))
        if isinstance(self.requires, str):
            raise TypeError(f"requires: expected a tuple of module names, received the string {self.requires!r}")
        object.__setattr__(self, "requires", tuple(self.requires))
        for flag, reason in self.flags.items():
            _one_of("flags", flag, FLAGS)
            if not str(reason).strip():
                raise ValueError(f"flags: {flag} needs its reason")

    @property
    def full_name(self) -> str:
        return f"{self.plugin}.{self.name}" if self.plugin else self.name

    def load(self) -> Callable[..., Any]:
        """The target itself, imported now. ImportError says which package is missing."""
        return _resolve(self.target, self)  # type: ignore[no-any-return]

    def load_example(self) -> Any:
        """The `pondera.testing.Example` of this method."""
        if not self.example:
            raise ValueError(f"{self.full_name}: the method declares no example")
        return _resolve(self.example, self)()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.load()(*args, **kwargs)

    def to_dict(self) -> dict[str, Any]:
        """What ``pondera list --json`` prints."""
        names = ("name", "plugin", "system", "kind", "unit", "source", "status", "summary")
        return {name: getattr(self, name) for name in names}


def _resolve(target: str, owner: Method) -> Any:
    module_name, _, attribute = target.partition(":")
    for requirement in owner.requires:
        try:
            importlib.import_module(requirement)
        except ImportError as error:
            raise ImportError(f"{owner.full_name} needs {requirement}: pip install {requirement} ({error})") from error
    value: Any = importlib.import_module(module_name)
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise ImportError(f"{owner.full_name}: {module_name} has no {attribute}") from None
    return value


@dataclass(frozen=True, eq=False, slots=True)
class Plugin:
    """A named group of methods, as one distribution advertises it.

    Parameters
    ----------
    name : str
        The entry point's name: an identifier.
    summary : str
        One line.
    methods : sequence of Method

    Notes
    -----
    The contract only grows: fields to come are keyword-only and have defaults, here and in `Method`.

    Examples
    --------
    >>> import pondera as po
    >>> tide = po.Method(
    ...     name="tide_weight", target="pondera_tides.tide:weight", kind="weight", unit="samples", summary="By tide"
    ... )
    >>> po.Plugin("tides", "Importance of tides", [tide]).methods[0].full_name
    'tides.tide_weight'
    """

    name: str
    summary: str
    methods: Sequence[Method] = ()

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"name: expected an identifier, received {self.name!r}")
        owned = []
        seen: set[str] = set()
        for item in self.methods:
            if not isinstance(item, Method):
                raise TypeError(f"methods: expected Method objects, received {type(item).__name__}")
            if item.name in seen:
                raise ValueError(f"methods: {item.name!r} is listed twice")
            seen.add(item.name)
            owned.append(_owned(item, self.name))
        object.__setattr__(self, "methods", tuple(owned))


def _owned(item: Method, plugin: str) -> Method:
    import dataclasses

    return dataclasses.replace(item, plugin=plugin)


_lock = threading.RLock()
_plugins: dict[str, Plugin] | None = None
_failures: dict[str, str] = {}


def _load_entry(entry: EntryPoint) -> Plugin:
    value = entry.load()
    if not isinstance(value, Plugin):
        raise TypeError(f"{entry.value} is a {type(value).__name__}, expected a pondera.Plugin")
    if value.name != entry.name:
        raise ValueError(f"the entry point is called {entry.name!r}, its plugin {value.name!r}")
    return value


def _discover() -> dict[str, Plugin]:
    global _plugins
    with _lock:
        if _plugins is None:
            from importlib.metadata import entry_points  # a third of what importing pondera would cost

            from ._catalogue import plugin as core

            found = {core.name: core}
            _failures.clear()
            for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
                if entry.name in found:
                    where = entry.dist.name if entry.dist else entry.value
                    if found[entry.name] is not core and _same(entry, found[entry.name]):
                        continue
                    _failures[f"{entry.name} ({where})"] = f"a plugin named {entry.name!r} exists already"
                    continue
                try:
                    found[entry.name] = _load_entry(entry)
                except (Exception, SystemExit) as error:  # a broken plugin takes nothing else down
                    _failures[entry.name] = f"{type(error).__name__}: {error}"
            _plugins = found
        return _plugins


def _same(entry: EntryPoint, loaded: Plugin) -> bool:
    try:
        return entry.load() is loaded
    except (Exception, SystemExit):
        return False


def refresh() -> None:
    """Forget what was found; the next look-up reads the entry points again."""
    global _plugins
    with _lock:
        _plugins = None


def plugins() -> tuple[Plugin, ...]:
    """All plugins that import, the core first."""
    return tuple(_discover().values())


def failures() -> dict[str, str]:
    """Plugins that failed to import, by name, with the reason."""
    _discover()
    return dict(_failures)


def methods(*, kind: str | None = None, plugin: str | None = None, system: str | None = None) -> tuple[Method, ...]:
    """All methods, optionally those of one kind, plugin or system. No target is imported.

    Parameters
    ----------
    kind : str, optional
        One of `KINDS`.
    plugin : str, optional
        A plugin's name; ``"core"`` for pondera's own.
    system : str, optional
        The slug of a paper.

    Returns
    -------
    tuple of Method
        The core's first.

    Raises
    ------
    ValueError
        For an unknown kind.
    LookupError
        For an unknown plugin.

    Examples
    --------
    >>> import pondera as po
    >>> "psis" in [m.name for m in po.methods(kind="weight", plugin="core")]
    True
    """
    if kind is not None:
        _one_of("kind", kind, KINDS)
    found = _discover()
    if plugin is not None and plugin not in found:
        raise LookupError(_unknown("plugin", plugin, found))
    return tuple(
        item
        for owner in found.values()
        if plugin is None or owner.name == plugin
        for item in owner.methods
        if (kind is None or item.kind == kind) and (system is None or item.system == system)
    )


def method(name: str) -> Method:
    """The method called `name` or ``plugin.name``.

    Parameters
    ----------
    name : str
        ``plugin.name`` always resolves, ``name`` while one plugin has it.

    Returns
    -------
    Method
        Calling it imports its target and calls that.

    Raises
    ------
    LookupError
        If there is none (the nearest names are given), or if several plugins have it (all are listed).

    Examples
    --------
    >>> import pondera as po
    >>> po.method("truncate")([0.0, 0.0, 0.0, 9.0]).shape
    (4,)
    """
    plugin_name, dot, short = name.rpartition(".")
    hits = [m for m in methods() if m.name == short and (not dot or m.plugin == plugin_name)]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise LookupError(f"name: {name!r} is ambiguous: {', '.join(m.full_name for m in hits)}")
    names = [m.full_name for m in methods()] + [m.name for m in methods()]
    if dot and plugin_name in _failures:
        raise LookupError(f"name: plugin {plugin_name!r} failed to import: {_failures[plugin_name]}")
    raise LookupError(_unknown("name", name, names))


def _unknown(label: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    return f"{label}: there is no {name!r}{hint}"
