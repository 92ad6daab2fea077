"""The dashboard as a visitor sees it."""

from typing import NamedTuple

from playwright.sync_api import Error, Page, Request

from support.waiting import wait_for

#: What chromium says of a request that waits for a connection when the machine gets a new network,
#: as with every container's start: it gives the request up.
NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"


class Card(NamedTuple):
    """What a price card says."""

    symbol: str
    price: float
    volume: int
    trend: str
    arrow: str
    pressed: bool


class Dashboard:
    """An open page, with all that chromium complained of since it was loaded.

    A change of the machine's networks is not the page's: it is loaded again then, and its reports
    of that are left out.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._url = url
        self._gave_up = False
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", self._note)
        self.load()

    def load(self) -> None:
        """Load the page anew, with all that belongs to it."""
        wait_for(self._is_loaded)

    def cards(self) -> dict[str, Card]:
        """Return the cards by symbol, all of the same moment."""
        found = self.page.evaluate(
            """[...document.querySelectorAll(".card")].map((card) => {
              const text = (part) => card.querySelector(part).textContent;
              const number = (part) => Number(text(part).replace(/[^0-9.]/g, ""));
              const pressed = card.getAttribute("aria-pressed") === "true";
              const { trend } = card.dataset;
              return [text(".symbol"), number(".price"), number(".volume"), trend, text(".arrow"),
                pressed];
            })"""
        )
        return {card[0]: Card(*card) for card in found}

    def prices(self) -> dict[str, float]:
        """Return each card's price."""
        return {symbol: card.price for symbol, card in self.cards().items()}

    def wait_for_cards(self, *symbols: str) -> dict[str, Card]:
        """Wait until there is a card of each of these symbols, and no other."""
        return wait_for(self.cards, lambda cards: cards.keys() == set(symbols))

    def wait_for_moves(self) -> dict[str, float]:
        """Wait until every price is another one than now, and return the prices."""
        before = self.prices()
        assert before, f"no price to move; the page says:\n{self.text()}"
        return wait_for(
            self.prices, lambda now: all(now[symbol] != before[symbol] for symbol in before)
        )

    def status(self) -> str:
        """Return what the page says of its connection."""
        return self.page.locator("#status").inner_text()

    def wait_for_status(self, wanted: str) -> None:
        """Wait until the page says so of its connection; else tell what chromium complained of."""
        wait_for(lambda: (self.status(), self.complaints), lambda seen: seen[0] == wanted)

    def text(self) -> str:
        """Return all that stands on the page."""
        return self.page.locator("body").inner_text()

    def overflow_px(self) -> int:
        """Return by how much the page is wider than its window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def _is_loaded(self) -> bool:
        self.complaints.clear()
        self._gave_up = False
        try:
            self.page.goto(self._url)
        except Error as error:
            if NETWORK_CHANGED not in str(error):
                raise
            return False
        return not self._gave_up

    def _hear(self, message) -> None:
        if message.type in ("error", "warning") and NETWORK_CHANGED not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    def _note(self, request: Request) -> None:
        self._gave_up |= request.failure == NETWORK_CHANGED
