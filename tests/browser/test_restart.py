"""The dashboard through a loss of its bridge."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from stockstream import config
from stockstream.local.part import Part
from support.bridge import Bridge
from support.page import Dashboard
from support.waiting import wait_for

#: A page that does not connect again, also not when the machine gets a network.
NO_RETRY = (
    "js/connection.js",
    "if (this.#socket) return;",
    "if (this.#openedAt < Infinity) return;",
)
#: A page that asks for nothing after the welcome.
NO_JOIN = ("js/main.js", 'connection.send("join"', 'void ("join"')


@pytest.mark.parametrize("loss", [Part.stop, Part.kill], ids=["stopped", "killed"])
def test_page_after_a_bridge_restart_goes_on_by_itself(
    bridge: Bridge,
    producer_factory: Callable[..., Part],
    dashboard_factory: Callable[..., Dashboard],
    loss: Callable[[Part], int],
) -> None:
    """It says that it reconnects and what its prices are worth, and is live again without help."""
    producer_factory("AAPL", "MSFT")
    dashboard, broken = dashboard_factory(), dashboard_factory(broken=NO_RETRY)
    for page in (dashboard, broken):
        page.wait_for_cards("AAPL", "MSFT")
        page.wait_for_moves()

    loss(bridge.part)
    for page in (dashboard, broken):
        page.wait_for_status("Reconnecting")
        assert "prices are as of" in page.page.locator("#notice").inner_text()
    tints = "[...document.querySelectorAll('.price')].map((e) => getComputedStyle(e).background)"
    wait_for(lambda: dashboard.page.evaluate(tints), lambda seen: len(set(seen)) == 1)

    bridge.part.start()
    bridge.wait_until_answering()
    dashboard.wait_for_status("Live")
    dashboard.wait_for_moves()
    wait_for(dashboard.page.locator("#notice").is_hidden)
    assert broken.status() == "Reconnecting", "a page that does not try again has come back"


def test_page_without_a_snapshot_does_not_call_its_prices_live(
    bridge: Bridge,
    producer_factory: Callable[..., Part],
    dashboard_factory: Callable[..., Dashboard],
) -> None:
    """A connection alone is not enough: the prices are live when the bridge has sent them."""
    producer_factory("AAPL")
    dashboard, broken = dashboard_factory(), dashboard_factory(broken=NO_JOIN)
    dashboard.wait_for_status("Live")
    broken.wait_for_status("Waiting for prices")


def lose(page: Page, file: str) -> list[Route]:
    """Let every request for the file fail, until it is unrouted, and return what was asked for."""
    asked: list[Route] = []

    def fail(route: Route) -> None:
        asked.append(route)
        route.abort()

    page.route(f"**/{file}", fail)
    return asked


def test_page_whose_script_did_not_arrive_is_loaded_again(
    bridge: Bridge, producer_factory: Callable[..., Part], context: BrowserContext
) -> None:
    """One of a dozen modules is lost on the way; without boot.js the page stands still."""
    producer_factory("AAPL")
    page, broken = context.new_page(), context.new_page()
    broken.route("**/js/boot.js", lambda route: route.fulfill(body=""))
    asked, asked_in_vain = (lose(each, "js/state.js") for each in (page, broken))
    url = f"http://{bridge.address}/"
    still, dashboard = Dashboard(broken, url), Dashboard(page, url)
    assert asked
    loads = len(asked_in_vain)

    page.unroute("**/js/state.js")
    dashboard.wait_for_status("Live")
    assert len(asked_in_vain) == loads, "a page without boot.js has asked again"
    assert still.status() == "Connecting", "a page without its scripts has come to life"


def count_loads(page: Page) -> list[Page]:
    """Return a list that grows with each load of the page."""
    loads: list[Page] = []
    page.on("load", lambda page: loads.append(page))
    return loads


def test_page_whose_script_does_not_exist_is_not_loaded_again(
    bridge: Bridge, producer_factory: Callable[..., Part], context: BrowserContext
) -> None:
    """Without the chart's library it goes on without a chart; the control loads itself for ever."""
    producer_factory("AAPL")
    page, broken = context.new_page(), context.new_page()
    for each in (page, broken):
        each.route("**/vendor/chart.js", lambda route: route.fulfill(status=404))
    eager = (config.ROOT / "static/js/boot.js").read_text().replace("status === 200", "status > 0")
    broken.route("**/js/boot.js", lambda route: route.fulfill(body=eager))
    loads, loads_in_vain = count_loads(page), count_loads(broken)
    url = f"http://{bridge.address}/"
    dashboard, _ = Dashboard(page, url), Dashboard(broken, url)
    before, before_in_vain = len(loads), len(loads_in_vain)

    def seen_in_vain() -> int:
        broken.wait_for_timeout(100)  # playwright hears of events in its own calls only
        return len(loads_in_vain)

    wait_for(seen_in_vain, lambda seen: seen >= before_in_vain + 3)
    assert len(loads) == before
    dashboard.wait_for_cards("AAPL")
