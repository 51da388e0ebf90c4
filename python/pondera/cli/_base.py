"""What all commands share: errors in one line, options, text that cannot hurt a terminal, tables, progress."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Progress = Callable[[float, str], None]
F = TypeVar("F", bound=Callable[..., Any])

_DEBUG, _QUIET = "pondera.debug", "pondera.quiet"


def clean(text: object, limit: int | None = None) -> str:
    """`text` with everything that is not printable (controls, escapes, direction overrides) as a backslash escape."""
    out = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return out if limit is None or len(out) <= limit else out[:limit] + "..."


# Exceptions whose text says by itself what is wrong.
_PLAIN = (click.ClickException, ValueError, TypeError, RuntimeError, OSError, ImportError)


def one_line(error: BaseException) -> str:
    """What went wrong, in one line of bounded length."""
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    if not text.strip() or not (isinstance(error, _PLAIN) or type(error) is LookupError):
        text = f"{type(error).__name__}: {text}".rstrip(": ")
    return clean(" ".join(text.split()), limit=1000)


class Refused(click.ClickException):
    """What the user can mend: input, files, names, missing packages."""

    exit_code = 2


@contextlib.contextmanager
def refusing(*kinds: type[Exception]) -> Iterator[None]:
    """Exceptions of these kinds are the user's to mend."""
    try:
        yield
    except kinds as error:
        raise Refused(one_line(error)) from error


def check_output(path: Path) -> None:
    """Refuse, before any work, what cannot be written. Devices and pipes cannot: files appear whole, by renaming."""
    parent = path.resolve().parent
    if not parent.is_dir():
        raise Refused(f"{path}: there is no directory {path.parent}")
    if path.exists() and not path.is_file():
        raise Refused(f"{path}: is not a regular file")
    if not os.access(parent, os.W_OK):
        raise Refused(f"{path}: cannot be written, its directory is read-only")


class Group(click.Group):
    """A group whose errors are one line on stderr."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except Exception:
            if ctx.meta.pop(_DEBUG, False):  # an inner group has printed it already
                traceback.print_exc()
            raise

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        run: Callable[..., Any] = super().main
        if not standalone_mode:
            return run(*args, standalone_mode=False, **extra)
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a terminal that lacks a letter shows its number
                stream.reconfigure(errors="backslashreplace")
        try:
            result = run(*args, standalone_mode=False, **extra)
            code = result if isinstance(result, int) else 0
            sys.stdout.flush()
        except click.Abort:
            code = _complain("interrupted", 130)
        except click.ClickException as error:
            code = _complain(one_line(error) + _hint(error), error.exit_code)
        except BrokenPipeError:  # the reader has gone: nobody is left to tell
            _close_stdout()
            code = 1
        except Exception as error:
            code = _complain(one_line(error), 1)
        sys.exit(code)


def _complain(line: str, code: int) -> int:
    print(f"pondera: {line}", file=sys.stderr, flush=True)
    return code


def _hint(error: click.ClickException) -> str:
    """Where to read on, for wrong usage."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    return f" (see {ctx.command_path} --help)" if ctx is not None else ""


def _close_stdout() -> None:
    """The interpreter flushes stdout at its end; let it do so into nothing."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[f"pondera.{parameter.name}"] = True


def common(function: F) -> F:
    """``--quiet`` and ``--debug``, accepted before and after the command's name."""
    options = (
        click.option("--quiet", is_flag=True, expose_value=False, callback=_remember, help="No progress, no notes."),
        click.option("--debug", is_flag=True, expose_value=False, callback=_remember, help="Tracebacks of errors."),
    )
    for option in options:
        function = option(function)
    return function


def quiet() -> bool:
    return bool(click.get_current_context().meta.get(_QUIET))


def note(text: str) -> None:
    """A remark on stderr."""
    if not quiet():
        print(clean(text), file=sys.stderr, flush=True)


def echo_json(value: Any) -> None:
    """JSON in ASCII on stdout: a terminal shows it as harmlessly as a program reads it."""
    print(json.dumps(value, indent=2).replace("\x7f", "\\u007f"))


def console() -> Any:
    """Rich on stdout. Into a pipe: no colour, no wrapping."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 100_000
    return Console(markup=False, emoji=False, highlight=False, width=width)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, styles: Sequence[str] = ()) -> None:
    """A table on stdout; `styles` colours the rows."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        out.add_column(name, overflow="fold")
    for i, row in enumerate(rows):
        out.add_row(*(Text(clean(cell)) for cell in row), style=styles[i] if styles else None)
    screen = console()
    if sys.stdout.isatty():
        screen.print(out)
        return
    with screen.capture() as text:
        screen.print(out)
    print("\n".join(line.rstrip() for line in text.get().splitlines()))


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """``progress(fraction, stage)``: a bar on stderr if that is a terminal, silence otherwise."""
    if quiet() or not sys.stderr.isatty():
        yield lambda fraction, stage: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(20), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn())
    with Bar(
        *columns, TextColumn("{task.description}", markup=False), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda fraction, stage: bar.update(task, completed=fraction, description=clean(stage, limit=40))
