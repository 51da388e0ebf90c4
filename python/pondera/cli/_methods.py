"""``pondera list`` and ``pondera show``."""

from __future__ import annotations

import inspect
from typing import Any

import click

from ..registry import KINDS, Method, failures, method, methods
from ._base import clean, common, console, echo_json, note, one_line, refusing, table


@click.command("list")
@click.option("--plugin", metavar="P", help="Methods of this plugin only.")
@click.option("--kind", type=click.Choice(KINDS), help="Methods of this kind only.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array of objects.")
@common
def list_methods(plugin: str | None, kind: str | None, as_json: bool) -> None:
    """List the methods of the core and of installed plugins."""
    with refusing(LookupError):
        found = methods(plugin=plugin, kind=kind)
    if as_json:
        echo_json([m.to_dict() for m in found])
    else:
        rows = [(m.full_name, m.kind, m.unit, m.summary + _status(m)) for m in found]
        table(("method", "kind", "unit", "what it does"), rows)
    if failures():
        note(f"not listed: {', '.join(failures())} (failed to import; `pondera doctor` says why)")


def _status(m: Method) -> str:
    return "" if m.status == "stable" else f" ({m.status})"


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="A JSON object.")
@common
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Describe the method NAME or plugin.NAME."""
    with refusing(LookupError):
        found = method(name)
    facts: dict[str, Any] = {
        **found.to_dict(),
        "target": found.target,
        "since": found.since,
        "requires": list(found.requires),
        "flags": dict(found.flags),
    }
    signature = docstring = error = None
    try:
        target = found.load()
        docstring = inspect.getdoc(target)
        signature = found.name + _signature(target)
    except Exception as failure:  # a target may fail in any way; the metadata are still worth showing
        error = one_line(failure)
    if as_json:
        echo_json({**facts, "signature": signature, "docstring": docstring, "error": error})
    else:
        _print(found, facts, signature, docstring)
    if error:
        raise click.ClickException(f"{found.full_name} cannot be imported: {error}")


def _signature(target: Any) -> str:
    """Parameters and defaults; the types stand in the docstring."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # some compiled callables have none
        return "(...)"
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def _print(found: Method, facts: dict[str, Any], signature: str | None, docstring: str | None) -> None:
    out = console()
    out.print(clean(f"{found.full_name}: {found.summary}"))
    rows = []
    for label in ("kind", "unit", "system", "source", "target", "status", "since", "requires", "flags"):
        value = facts[label]
        if isinstance(value, dict):
            value = "; ".join(f"{flag}: {reason}" for flag, reason in value.items())
        elif isinstance(value, list):
            value = ", ".join(value)
        if value:
            rows.append((label, value))
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        out.print(clean(f"  {label:{width}}  {value}"))
    for block in (signature, docstring):
        if block:
            out.print()
            for line in block.splitlines():
                out.print(clean(line))
