"""What the local mode shows: steps to stderr, the address to stdout."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from stockstream.local import jars

_steps = Console(stderr=True, highlight=False, soft_wrap=True)
_results = Console(highlight=False)


def say(text: str) -> None:
    """Show one line; a terminal that is gone is no reason to fail."""
    with contextlib.suppress(OSError):
        _steps.print(text, markup=False)


@contextlib.contextmanager
def fetching(title: str) -> Iterator[jars.Progress]:
    """Show a bar on a terminal, else a line at the start and at the end; nothing if not called."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=_steps, disable=not _steps.is_terminal)
    task = bar.add_task(title, total=None)

    def show(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total or None)
        if not _steps.is_terminal and done == total:
            say(f"{title}: {done} of {total} files" if total else f"{title} ...")

    try:
        yield show
    finally:
        bar.stop()


def show_addresses(addresses: dict[str, str]) -> None:
    """Show the final block: what runs, and where."""
    width = max(map(len, addresses))
    lines = [f"{name:{width}}  {address}" for name, address in addresses.items()]
    with contextlib.suppress(OSError):
        _results.print(Panel.fit("\n".join(lines), title="stockstream runs", padding=(1, 2)))
