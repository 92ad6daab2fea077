"""What the page may reach, as a real browser understands the bridge's policy."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, Route

from stockstream.local.ports import free_port
from support.bridge import Bridge
from support.page import Dashboard

#: What a connection to the address ends in: "open", "closed", or the policy that forbids it.
CONNECT = """address => new Promise(resolve => {
  document.addEventListener("securitypolicyviolation", event => resolve(event.effectiveDirective));
  const socket = new WebSocket(address);
  socket.addEventListener("open", () => resolve("open"));
  socket.addEventListener("close", () => setTimeout(() => resolve("closed"), 200));
})"""


def reaches_its_own_host_only(page: Page, bridge: Bridge) -> None:
    """Fail unless a WebSocket opens to the page's own address, and to no other port or host."""
    assert page.evaluate(CONNECT, f"ws://{bridge.address}/ws") == "open"
    for address in (f"127.0.0.1:{free_port()}", f"localhost:{bridge.port}", "elsewhere.invalid"):
        assert page.evaluate(CONNECT, f"ws://{address}/ws") == "connect-src", address


def test_policy_lets_the_page_reach_its_own_host_only(
    bridge: Bridge, dashboard_factory: Callable[..., Dashboard]
) -> None:
    """`'self'` covers the page's WebSocket; a policy that names ws: fails the same check."""
    page = dashboard_factory().page
    reaches_its_own_host_only(page, bridge)

    def loosen(route: Route) -> None:
        answer = route.fetch()
        policy = answer.headers["content-security-policy"]
        loose = re.sub("connect-src 'self'", "connect-src 'self' ws: wss:", policy)
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": loose})

    page.route(f"http://{bridge.address}/", loosen)
    page.reload()
    assert page.evaluate(CONNECT, f"ws://127.0.0.1:{free_port()}/ws") == "closed"
