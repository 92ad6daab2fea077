"""Fixtures of the browser tests: Debian's chromium, a running market, and the page on it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from stockstream import config
from stockstream.local.part import Part
from support.bridge import Bridge, Bridges
from support.page import Dashboard
from support.services import SERVICES

STATIC = config.ROOT / "static"
#: No GPU, no sandbox (the tests may run as root), and nothing of chromium's own traffic.
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# One chromium a module: while playwright's loop runs, no other test could use asyncio.run.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a browser profile of its own, light by its system's setting."""
    context = browser.new_context(color_scheme="light", viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def modules(context: BrowserContext) -> Page:
    """Return an empty page that can import the dashboard's modules from /js."""
    page = context.new_page()
    page.route("http://modules.test/**", _serve_file)
    page.goto("http://modules.test/")
    return page


def _serve_file(route: Route) -> None:
    path = route.request.url.removeprefix("http://modules.test/")
    if path:
        route.fulfill(path=STATIC / path)
    else:
        route.fulfill(body="<!doctype html>", content_type="text/html")


@pytest.fixture
def bridge(request: pytest.FixtureRequest, kafka, topic: str, tmp_path: Path) -> Iterator[Bridge]:
    """Return a bridge on the test's topic, which serves the dashboard."""
    if not (STATIC / "vendor/chart.js").is_file():
        pytest.skip("static/vendor is missing: run npm ci in static/")
    parts = request.node.stash.setdefault(SERVICES, [])
    with Bridges(kafka.bootstrap, topic, tmp_path, parts) as bridges:
        yield bridges.start()


@pytest.fixture
def producer_factory(
    kafka, topic: str, service_factory: Callable[..., Part]
) -> Callable[..., Part]:
    """Return a function that starts a producer of these symbols, five ticks a second each."""

    def start(*symbols: str) -> Part:
        return service_factory(
            "producer",
            KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap,
            KAFKA_TOPIC=topic,
            STOCK_SYMBOLS=",".join(symbols),
            TICK_INTERVAL="0.2",
        )

    return start


@pytest.fixture
def dashboard_factory(context: BrowserContext, bridge: Bridge) -> Callable[..., Dashboard]:
    """Return a function that opens the dashboard.

    `broken` is (file, text, other text): the page with one thing left out, for a test to notice.
    """

    def open_page(broken: tuple[str, str, str] | None = None) -> Dashboard:
        page = context.new_page()
        if broken:
            _break(page, *broken)
        return Dashboard(page, f"http://{bridge.address}/")

    return open_page


def _break(page: Page, file: str, text: str, other: str) -> None:
    source = Path(STATIC / file).read_text(encoding="utf-8")
    assert text in source, f"{file} has no {text!r} to break"

    def serve(route: Route) -> None:
        route.fulfill(response=route.fetch(), body=source.replace(text, other))

    page.route(f"**/{file}", serve)
