"""validate-project --online: each link that leads outside is asked, whatever comes of another."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from stockstream.ops import repository
from stockstream.ops.checks import Check, CheckSkipped, Status
from support.faults import run

Look = Callable[..., Check]


class Page(BaseHTTPRequestHandler):
    """One page that is there; /dropped ends the connection without a word."""

    def do_GET(self) -> None:
        if self.path == "/dropped":
            self.close_connection = True
            return
        self.send_response(200 if self.path == "/there" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a web server, asked without a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Return a function that asks the outside links of a repository of one document."""

    def skip(*_: object) -> None:
        raise CheckSkipped("not asked here")

    def look(text: str, online: bool = True) -> Check:
        (tmp_path / "README.md").write_text(text)
        done = run(tmp_path, "all", online).done
        return next(check for check in done if check.name == "outside links")

    monkeypatch.setattr(repository, "_ask", skip)
    return look


@pytest.mark.parametrize("form", ["[x]({})", "<{}>", "[x][y]\n\n[y]: {}"])
def test_outside_link_that_answers_passes(look: Look, site: str, form: str) -> None:
    """A page that is there is a good link, in each form of one."""
    assert look(form.format(f"{site}/there")).status is Status.PASS


@pytest.mark.parametrize("form", ["[x]({})", "<{}>", "[x][y]\n\n[y]: {}"])
def test_outside_link_that_is_gone_fails(look: Look, site: str, form: str) -> None:
    """A page that is not there is named, with the server's answer."""
    check = look(form.format(f"{site}/gone"))
    assert (check.status, f"{site}/gone: HTTP Error 404" in check.detail) == (Status.FAIL, True)


def test_outside_link_connection_dropped_fails_and_others_are_asked(look: Look, site: str) -> None:
    """A server that hangs up, an address that is none: each a line, and the others are asked."""
    links = (f"{site}/dropped", "http://[bad", f"{site}/gone", "http://127.0.0.1:x/")
    check = look(" ".join(f"[x]({link})" for link in links))
    assert check.status is Status.FAIL
    assert [link for link in links if f"{link}: " not in check.detail] == []


def test_outside_link_of_this_machine_is_not_asked(look: Look, site: str) -> None:
    """The documents name the stack's own pages, which run somewhere else."""
    check = look(f"<{site.replace('127.0.0.1', 'localhost')}/gone>")
    assert check.status is Status.PASS


def test_outside_link_is_not_asked_without_online(look: Look, site: str) -> None:
    """Without --online nothing leaves the machine, and the line says so."""
    check = look(f"[x]({site}/gone)", online=False)
    assert str(check) == "SKIP outside links: asked with --online only"
