"""The dashboard on the real bridge, Kafka and producer, in a real browser."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from stockstream import config, tick
from stockstream.kafka.reader import Reader
from stockstream.local.part import Part
from support.page import Dashboard
from support.ticks import Ticker
from support.waiting import wait_for

#: The longest symbol that there is, for the layout.
LONG = "ABCDEFGHIJKLMNOPQRSTUVWXYZ.12345"
SYMBOLS = ("AAPL", "BRK.B", "MSFT", LONG)
ARROWS = {"up": "▲", "down": "▼", "flat": "="}

DRAWN_POINTS = "Chart.getChart('chart').data.datasets[0].data.length"
#: A page that takes the snapshot, and no tick after it.
NO_TICKS = ("js/main.js", 'case "stock-tick"', 'case "no-such-event"')


@pytest.fixture
def dashboard(
    producer_factory: Callable[..., Part], dashboard_factory: Callable[..., Dashboard]
) -> Dashboard:
    """Return the dashboard, with a price of each symbol on it."""
    producer_factory(*SYMBOLS)
    dashboard = dashboard_factory()
    dashboard.wait_for_cards(*SYMBOLS)
    return dashboard


def test_page_with_a_running_market_shows_the_topics_moving_prices(
    dashboard: Dashboard, dashboard_factory: Callable[..., Dashboard], kafka, topic: str
) -> None:
    """Each symbol has a card, its price moves, and what the card says was on the topic."""
    broken = dashboard_factory(broken=NO_TICKS)
    before = {s: card.price for s, card in broken.wait_for_cards(*SYMBOLS).items()}

    dashboard.wait_for_moves()
    shown = dashboard.cards()
    on_topic = _ticks_on(kafka.bootstrap, topic)
    for card in shown.values():
        assert (card.symbol, card.price, card.volume) in on_topic
        assert card.arrow == ARROWS[card.trend]

    assert broken.prices() == before, "a page that takes no ticks has shown some"


def _ticks_on(bootstrap: str, topic: str) -> set[tuple[str, float, int]]:
    reader = Reader(config.Settings(kafka_bootstrap_servers=(bootstrap,)), topic)
    missing = {p: reader.watermarks(p)[1] for p in range(3)}
    missing = {p: end for p, end in missing.items() if end}
    reader.assign(dict.fromkeys(missing, 0))
    ticks = set()
    while missing:
        for record in reader.read(timeout_s=120):
            found = tick.decode(record.value())
            ticks.add((found.symbol, found.price, found.volume))
            if record.offset() + 1 == missing.get(record.partition()):
                del missing[record.partition()]
    reader.close()
    return ticks


def test_page_with_a_running_market_shows_rate_latency_and_time(dashboard: Dashboard) -> None:
    """Every figure is there, and is a number where it has to be one."""

    def figures() -> list[str]:
        ids = ("rate", "latency", "last-tick", "clients", "processed")
        return [dashboard.page.locator(f"#{id_}").inner_text() for id_ in ids]

    seen = wait_for(figures, lambda texts: "–" not in " ".join(texts) and "processed" in texts[4])
    assert float(seen[0]) > 0
    assert int(seen[1].replace("<", "").replace(",", "")) >= 0
    assert int(seen[3]) == 1


def test_page_draws_whatever_the_bridge_lets_through(
    dashboard_factory: Callable[..., Dashboard], kafka, topic: str
) -> None:
    """Ticks at every bound are drawn; the page and its clock go on with the next ones."""
    dashboard, ticker = dashboard_factory(), Ticker(kafka.bootstrap, topic)
    now_ms = time.time_ns() // 1_000_000
    sequence = 2**53 - 20
    for timestamp in (0, now_ms, now_ms + 50_000, now_ms):
        for price in (100.0, 5e-324, 999_999_999_999.99, 0.01):
            sequence += 1
            for symbol in ("A", LONG):
                made = tick.Tick(symbol, price, 2**53, timestamp, sequence)
                ticker.record(symbol, tick.encode(made))
        ticker.flush()
    dashboard.wait_for_cards("A", LONG)

    def told() -> tuple[float, str]:
        ticker.tick("A", 123.0)
        ticker.flush()
        clock = dashboard.page.evaluate("document.getElementById('last-tick').textContent")
        return dashboard.prices()["A"], clock

    behind = dashboard.page.evaluate(
        """(time) => new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" }).format(time)""",
        now_ms + 50_000,
    )
    wait_for(told, lambda seen: seen[0] == 123.0 and seen[1] != behind)
    assert dashboard.complaints == []


def test_page_without_ticks_says_so(dashboard_factory: Callable[..., Dashboard]) -> None:
    """A market that has not begun is told from a page that is broken."""
    dashboard = dashboard_factory()
    dashboard.wait_for_status("Live")
    assert "No ticks yet" in dashboard.text()


def test_page_draws_the_pressed_symbols_chart(dashboard: Dashboard) -> None:
    """A click, or Enter and Space on a focused card, choose the symbol on the chart."""
    page = dashboard.page
    assert dashboard.cards()["AAPL"].pressed, "the first symbol is chosen until another one is"

    page.get_by_role("button", name="MSFT").click()
    assert _chosen(dashboard) == ["MSFT"]
    for key, symbol in (("Enter", "BRK.B"), ("Space", LONG)):
        _focus_by_tab(dashboard, symbol)
        page.keyboard.press(key)
        assert _chosen(dashboard) == [symbol]

    points = page.evaluate(DRAWN_POINTS)
    wait_for(lambda: page.evaluate(DRAWN_POINTS), lambda now: now > points)


def _chosen(dashboard: Dashboard) -> list[str]:
    pressed = [card.symbol for card in dashboard.cards().values() if card.pressed]
    assert pressed == [dashboard.page.locator("#chart-symbol").inner_text()]
    return pressed


def _focus_by_tab(dashboard: Dashboard, symbol: str) -> None:
    dashboard.page.locator("#theme").focus()
    for _ in range(len(SYMBOLS)):
        dashboard.page.keyboard.press("Tab")
        if dashboard.page.evaluate("document.activeElement.textContent").strip().startswith(symbol):
            return
    pytest.fail(f"Tab does not lead to the card of {symbol}")


def test_page_under_its_policy_gives_no_complaint(dashboard: Dashboard) -> None:
    """Neither an error nor a violation of the Content-Security-Policy is on the console."""
    dashboard.page.locator("#theme").click()
    dashboard.page.locator("#chart").hover()
    dashboard.wait_for_moves()
    assert dashboard.complaints == []

    # What the policy forbids is noticed.
    dashboard.page.evaluate("document.body.setAttribute('style', 'color: red')")
    wait_for(lambda: dashboard.complaints, lambda seen: "Content Security Policy" in str(seen))


def test_page_of_any_width_has_no_horizontal_scroll(dashboard: Dashboard) -> None:
    """From a phone to a wide desktop the page fits its window, long symbols too."""
    dashboard.page.get_by_role("button", name=LONG).click()
    for width in (1920, 1280, 768, 360):
        dashboard.page.set_viewport_size({"width": width, "height": 800})
        dashboard.wait_for_moves()
        assert dashboard.overflow_px() <= 0, f"too wide for {width} px"

    # A part that does not fit is noticed.
    dashboard.page.evaluate("document.querySelector('h1').style.minWidth = '361px'")
    assert dashboard.overflow_px() > 0


def test_page_for_those_who_want_no_motion_has_none(dashboard: Dashboard) -> None:
    """The tint behind a new price fades for the others only."""
    animation = "getComputedStyle(document.querySelector('.card .price')).animationName"
    wait_for(lambda: dashboard.page.evaluate(animation), lambda name: name.endswith("-tint"))
    dashboard.page.emulate_media(reduced_motion="reduce")
    wait_for(lambda: dashboard.page.evaluate(animation), lambda name: name == "none")
    dashboard.wait_for_moves()
    assert dashboard.page.evaluate(animation) == "none"


def test_theme_follows_the_system_until_it_is_chosen(
    dashboard_factory: Callable[..., Dashboard], context: BrowserContext
) -> None:
    """A chosen theme stays for later visits; going back to the system's follows it again."""
    dashboard = dashboard_factory()
    page = dashboard.page
    assert _theme(page) == "light"
    page.emulate_media(color_scheme="dark")
    wait_for(lambda: _theme(page), lambda theme: theme == "dark")
    page.emulate_media(color_scheme="light")
    wait_for(lambda: _theme(page), lambda theme: theme == "light")

    page.locator("#theme").click()
    assert _theme(page) == "dark"
    dashboard.load()
    assert _theme(page) == "dark"
    assert _theme(dashboard_factory().page) == "dark"

    page.locator("#theme").click()
    assert _theme(dashboard_factory().page) == "light"


def _theme(page) -> str:
    return page.evaluate("document.documentElement.dataset.theme")


def test_page_without_the_chart_library_still_shows_prices(
    producer_factory: Callable[..., Part], dashboard_factory: Callable[..., Dashboard]
) -> None:
    """The cards move, and the page says how to get the chart."""
    producer_factory(*SYMBOLS)
    dashboard = dashboard_factory(broken=("vendor/chart.js", ".Chart=", ".NoChart="))
    dashboard.wait_for_cards(*SYMBOLS)
    dashboard.wait_for_moves()
    assert "run npm ci" in dashboard.text()
