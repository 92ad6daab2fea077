"""The page's logic without the page: its modules, in a browser, with times of our own."""

from typing import Any

import pytest
from playwright.sync_api import Page


def run(page: Page, module: str, body: str, argument: Any = None) -> Any:
    """Return what a function of `module` (its exports) and `argument` returns."""
    return page.evaluate(
        f"""async (argument) => {{
          const module = await import("/js/{module}");
          {body}
        }}""",
        argument,
    )


def test_backoff_doubles_its_bound_up_to_a_cap_with_full_jitter(modules: Page) -> None:
    """The wait is anything from nothing to the bound; the bound is 0.5 s, 1 s ... 12 s."""
    body = "return [0, 1, 2, 3, 4, 5, 50].map((n) => module.retryDelay(n, () => argument))"
    assert run(modules, "backoff.js", body, 0) == [0] * 7
    assert run(modules, "backoff.js", body, 1) == [500, 1000, 2000, 4000, 8000, 12000, 12000]
    assert run(modules, "backoff.js", body, 0.5) == [250, 500, 1000, 2000, 4000, 6000, 6000]
    chosen = run(modules, "backoff.js", "return [1, 2, 3].map(() => module.retryDelay(9))")
    assert len(set(chosen)) == 3, "clients that were cut off together come back together"


CONNECTION = """
  const log = [];
  const sockets = [];
  globalThis.WebSocket = class {
    static OPEN = 1;
    constructor() { sockets.push(this); }
    close() {}
  };
  const on = { message: () => {}, status: ({ phase }) => log.push(phase) };
  const connection = new module.Connection("ws://bridge.test/ws", on);
  Math.random = () => 0.999;
  connection.open();
"""


@pytest.fixture
def clock(modules: Page) -> Page:
    """Return a page with the modules and a clock that only the test moves."""
    modules.clock.install(time=0)
    modules.clock.pause_at(1_000)
    return modules


def _start(page: Page) -> None:
    run(page, "connection.js", CONNECTION + "Object.assign(globalThis, { log, sockets });")


def _sockets(page: Page) -> int:
    return page.evaluate("sockets.length")


def test_connection_that_hears_nothing_for_15_s_is_given_up(clock: Page) -> None:
    """A dead line tells nobody: three missed metrics do. Whatever is heard puts it off."""
    _start(clock)
    clock.evaluate("sockets[0].onopen()")
    clock.clock.run_for(14_000)
    clock.evaluate("""sockets[0].onmessage({ data: '{"event": "metrics", "data": {}}' })""")
    clock.clock.run_for(14_000)
    assert clock.evaluate("log") == ["connecting", "open"]
    clock.clock.run_for(2_000)
    assert clock.evaluate("log") == ["connecting", "open", "waiting", "connecting"]


def test_connection_that_never_opens_waits_longer_each_time(clock: Page) -> None:
    """The second failure waits up to 1 s, not 0.5 s."""
    _start(clock)
    clock.evaluate("sockets.at(-1).onclose()")
    clock.clock.run_for(600)
    assert _sockets(clock) == 2
    clock.evaluate("sockets.at(-1).onclose()")
    clock.clock.run_for(600)
    assert _sockets(clock) == 2
    clock.clock.run_for(600)
    assert _sockets(clock) == 3


@pytest.mark.parametrize(("open_ms", "reset"), [(100, False), (6_000, True)])
def test_connection_that_was_stable_begins_with_a_short_wait(
    clock: Page, open_ms: int, reset: bool
) -> None:
    """Only a connection that lived for 5 s is a success; one that is cut at once is not."""
    _start(clock)
    for _ in range(4):
        clock.evaluate("sockets.at(-1).onclose()")
        clock.clock.run_for(8_000)
    assert _sockets(clock) == 5
    clock.evaluate("sockets.at(-1).onopen()")
    clock.clock.run_for(open_ms)
    clock.evaluate("sockets.at(-1).onclose()")
    clock.clock.run_for(600)
    assert _sockets(clock) == (6 if reset else 5)


def _ticks(*ticks: tuple[int, float]) -> list[dict[str, Any]]:
    return [
        {"symbol": "AAPL", "price": price, "volume": 1, "timestamp": n * 1000, "sequence": n}
        | {"partition": 0, "offset": n}
        for n, price in ticks
    ]


MARKET = """
  const market = new module.Market();
  const shown = () => {
    const quote = market.quotes.get("AAPL");
    return quote && [quote.tick.sequence, quote.tick.price, quote.trend];
  };
"""


def test_state_compares_each_tick_with_the_one_before(modules: Page) -> None:
    """Up, down, or flat, where the price is the same and at the first tick."""
    body = MARKET + "return argument.map((tick) => (market.tick(tick), shown()))"
    assert run(modules, "state.js", body, _ticks((1, 10), (2, 11), (3, 10.5), (4, 10.5))) == [
        [1, 10, "flat"],
        [2, 11, "up"],
        [3, 10.5, "down"],
        [4, 10.5, "flat"],
    ]


def test_state_ignores_a_tick_that_the_page_has_already(modules: Page) -> None:
    """A snapshot after a reconnect may hold what the page has; nothing is shown twice."""
    body = MARKET + "return argument.map((tick) => [market.tick(tick), shown()[0]])"
    ticks = _ticks((5, 10), (5, 11), (4, 12), (6, 13))
    assert run(modules, "state.js", body, ticks) == [[True, 5], [False, 5], [False, 5], [True, 6]]


def test_state_takes_a_new_run_of_a_symbol_as_the_bridge_does(modules: Page) -> None:
    """What the bridge lets through counts, whatever its sequence and time: its place is later."""
    body = MARKET + "argument.forEach((tick) => market.tick(tick)); return shown()[0]"
    forged, genuine = _ticks((900, 10), (7, 11))
    genuine["offset"] = forged["offset"] + 1
    assert run(modules, "state.js", body, [forged, genuine]) == 7
    moved = {**forged, "partition": 2, "offset": 0, "sequence": 901}  # the topic has grown
    assert run(modules, "state.js", body, [forged, moved]) == 901


def test_format_time_beyond_all_days_does_not_throw(modules: Page) -> None:
    """One time that no Date can hold would end every drawing after it."""
    body = "return argument.map((time) => module.formatTime(time))"
    *shown, last = run(modules, "format.js", body, [2**53, -(2**53), 8.64e15])
    assert shown == ["–", "–"]
    assert last.count(":") == 2


@pytest.mark.parametrize("span_ms", [0, 60_000, 86_400_000, 56 * 365 * 86_400_000, 8.64e15])
def test_chart_labels_of_any_span_are_few(modules: Page, span_ms: float) -> None:
    """An axis of years has seven labels, too: one an hour would be half a million."""
    body = "return module.wholeTimes(argument[0], argument[1]).length"
    now_ms = 1_700_000_000_000
    assert 0 <= run(modules, "chart.js", body, [now_ms - span_ms, now_ms]) <= 7


def test_series_of_a_clock_that_was_wrong_goes_on_with_the_right_one(modules: Page) -> None:
    """Points from the future go with the first right one, and a line from another day as well."""
    body = """
      const series = new module.Series();
      for (const at of argument) series.push(at * 1000, 1);
      return series.points.map((point) => point.x / 1000);
    """
    now = 1_700_000_000
    assert run(modules, "series.js", body, [now, now + 50, now + 2, now + 3]) == [
        now,
        now + 2,
        now + 3,
    ]
    assert run(modules, "series.js", body, [now, 0, now + 2]) == [now + 2]


def test_state_of_another_epoch_forgets_the_topic_before(modules: Page) -> None:
    """A re-created topic counts from 1; without an epoch Kafka is only away."""
    body = (
        MARKET
        + """
      const [old, fresh] = argument;
      market.welcome({ epoch: "one" });
      market.tick(old);
      const seen = [];
      for (const epoch of [null, "one", "two"]) {
        market.welcome({ epoch });
        seen.push(shown()?.[0] ?? null);
      }
      const gone = [...market.takeChanged()];
      market.tick(fresh);
      return [seen, gone, shown()[0]];
    """
    )
    assert run(modules, "state.js", body, _ticks((9, 10), (1, 11))) == [[9, 9, None], ["AAPL"], 1]


def test_state_after_missed_ticks_leaves_a_gap_in_the_line(modules: Page) -> None:
    """The line is not drawn through what the page has not seen, nor squeezed by a long gap."""
    body = (
        MARKET
        + """
      for (const tick of argument) market.snapshot({ ticks: [tick] });
      return market.quotes.get("AAPL").series.points.map(({ y }) => Number.isNaN(y) ? null : y);
    """
    )
    before = _ticks((1, 10), (2, 11), (3, 12), (4, 11))
    gap = [10, 11, 12, 11, None, 9]
    assert run(modules, "state.js", body, [*before, *_ticks((6, 9))]) == gap
    assert run(modules, "state.js", body, [*before, *_ticks((8, 9))]) == [9]


def test_series_keeps_its_length_and_one_point_a_slot(modules: Page) -> None:
    """However long and fast ticks come, a chart has 240 points and shows a minute."""
    body = """
      const series = new module.Series();
      for (let n = 0; n < argument.ticks; n++) series.push(n * argument.every, n);
      const { points } = series;
      return [points.length, points.at(-1).x - points[0].x, points.at(-1).y];
    """
    fast = {"ticks": 100_000, "every": 1}
    assert run(modules, "series.js", body, fast) == [240, 60_000 - 250, 99_999]
    slow = {"ticks": 1_000, "every": 1_000}
    assert run(modules, "series.js", body, slow) == [240, 239_000, 999]


def test_meter_reads_rate_and_median_of_the_last_5_s(modules: Page) -> None:
    """Ticks a second, and their age by the bridge's clock; both forget what is older."""
    body = """
      const meter = new module.Meter();
      meter.reset(0);
      meter.synchronise(1_000_000, 0);
      const seen = [];
      for (let now = 100; now <= 20_000; now += 100) {
        const age = now <= 10_000 ? 5 : 40;
        if (now <= 15_000) meter.count(1_000_000 + now - age, now);
        if (now % 500 === 0) seen.push(meter.read(now));
      }
      return [10_000, 15_000, 20_000].map((at) => seen[at / 500 - 1]);
    """
    assert run(modules, "meter.js", body) == [
        {"rate": 10, "latencyMs": 5},
        {"rate": 10, "latencyMs": 40},
        {"rate": 0, "latencyMs": None},
    ]


def test_meter_takes_the_clock_from_the_message_with_the_least_delay(modules: Page) -> None:
    """A slow welcome hides latency until a faster message comes; a minute later it is forgotten."""
    body = """
      const meter = new module.Meter();
      meter.reset(0);
      const latency = (now) => {
        meter.count(1_000_000 + now - 10, now);
        return meter.read(now).latencyMs;
      };
      const seen = [];
      let now = 0;
      for (const delay of argument) {
        meter.synchronise(1_000_000 + now - delay, now);
        seen.push(latency(now));
        now += 6_000;
      }
      return seen;
    """
    delays = [8, 2, 30, *[4] * 12]
    assert run(modules, "meter.js", body, delays) == [2, 8, 8, *[8] * 10, 6, 6]


def test_sparkline_fills_its_box_and_breaks_at_a_gap(modules: Page) -> None:
    """The lowest price is at the bottom, the highest at the top, the newest at the right."""
    body = """
      const points = [[0, 10], [5, 20], [6, NaN], [10, 15]].map(([x, y]) => ({ x, y }));
      return module.sparkline(points);
    """
    assert run(modules, "sparkline.js", body) == "M0.0 30.0L50.0 0.0M100.0 15.0"
