"""``pondera new-plugin NAME``: the skeleton of a plugin that passes the conformance kit as it is.

The folder plugin_template is also a copier template. Its files hold two placeholders, of a name that is checked here,
so plain replacement does: copier itself would bring twenty packages for this one command.
"""

from __future__ import annotations

import keyword
import re
import shlex
import shutil
from pathlib import Path

import click

from ._base import Refused, clean, common, quiet, refusing

TEMPLATE = Path(__file__).parent / "plugin_template" / "template"


@click.command("new-plugin")
@click.argument("name")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=".", help="Where to put pondera-NAME.")
@common
def new_plugin(name: str, out: Path) -> None:
    """Write a plugin: a method, its example, tests, README."""
    check_name(name)
    with refusing(OSError):
        target = write(name, out)
    if not quiet():
        where = clean(shlex.quote(str(target)))
        print(f"pip install {where}\npytest --pondera-plugin {name}")


def check_name(name: str) -> None:
    """UsageError unless `name` can name an entry point, a module and a distribution."""
    if not re.fullmatch(r"[a-z]([a-z0-9_]*[a-z0-9])?", name) or keyword.iskeyword(name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        hint = f"; try {near}" if re.fullmatch(r"[a-z][a-z0-9_]*", near) and not keyword.iskeyword(near) else ""
        raise Refused(f"NAME: expected a lower-case identifier such as tides, received {name!r}{hint}")
    if name == "core":
        raise Refused("NAME: 'core' is the core's own")


def write(name: str, out: Path) -> Path:
    """Write the files; a failure leaves none of them. FileExistsError if there is such a folder."""
    values = {"{{ name }}": name, "{{ dash }}": name.replace("_", "-")}

    def fill(text: str) -> str:
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        return text

    target = out / fill("pondera-{{ dash }}")
    target.mkdir(parents=True)
    try:
        for source in sorted(TEMPLATE.rglob("*")):
            if source.is_file() and source.suffix == ".jinja":
                path = target / fill(str(source.relative_to(TEMPLATE).with_suffix("")))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(fill(source.read_text(encoding="utf-8")), encoding="utf-8")
    except BaseException:
        shutil.rmtree(target)
        raise
    return target
