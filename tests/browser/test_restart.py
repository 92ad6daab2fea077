"""The dashboard through a loss of its bridge."""

import math
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route

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


def lose(page: Page, file: str, times: float) -> list[Route]:
    """Let the first requests for the file fail, so many, and return what was asked for."""
    asked: list[Route] = []

    def answer(route: Route) -> None:
        asked.append(route)
        if len(asked) <= times:
            route.abort()
        else:
            route.continue_()

    page.route(f"**/{file}", answer)
    return asked


def test_page_whose_script_did_not_arrive_is_loaded_again(
    bridge: Bridge, producer_factory: Callable[..., Part], context: BrowserContext
) -> None:
    """One of a dozen modules is lost on the way; without boot.js the page stands still."""
    producer_factory("AAPL")
    page, broken = context.new_page(), context.new_page()
    broken.route("**/js/boot.js", lambda route: route.fulfill(body=""))
    asked_in_vain = lose(broken, "js/state.js", times=math.inf)
    url = f"http://{bridge.address}/"
    still = Dashboard(broken, url)
    loads = len(asked_in_vain)

    asked = lose(page, "js/state.js", times=1)
    dashboard = Dashboard(page, url)
    dashboard.wait_for_status("Live")
    assert len(asked) > 1
    assert len(asked_in_vain) == loads, "a page without boot.js has asked again"
    assert still.status() == "Connecting", "a page without its scripts has come to life"
