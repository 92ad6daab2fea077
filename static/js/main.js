/** Wires the parts: connection -> state -> cards, chart, status. */

import { Cards } from "./cards.js";
import { Connection } from "./connection.js";
import { Meter } from "./meter.js";
import { QuotePanel } from "./quote.js";
import { Market } from "./state.js";
import { StatusBar } from "./status.js";
import { wireTheme } from "./theme.js";

const STATUS_EVERY_MS = 500;

const byId = (id) => document.getElementById(id);

const market = new Market();
const meter = new Meter();
const status = new StatusBar();
const panel = new QuotePanel();
const cards = new Cards(byId("cards"), byId("card"), select);
const connection = new Connection(address(), { message: receive, status: follow });
let selected = "";
let drawPending = false;

function address() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}/ws`;
}

function receive({ event, data }) {
  const now = performance.now();
  switch (event) {
    case "welcome":
      meter.synchronise(data.serverTime, now);
      market.welcome(data);
      connection.send("join", "stock-updates");
      break;
    case "snapshot":
      market.snapshot(data);
      status.snapshot(data, now);
      break;
    case "stock-tick":
      if (market.tick(data)) {
        meter.count(data.timestamp, now);
        status.tick(data, now);
      }
      break;
    case "metrics":
      meter.synchronise(data.serverTime, now);
      status.metrics(data);
      break;
    case "error":
      status.error(data);
      break;
  }
  drawSoon();
}

function follow(change) {
  const now = performance.now();
  if (change.phase === "open") meter.reset(now);
  status.connection(change);
  status.draw(meter.read(now), now);
}

function select(symbol) {
  selected = symbol;
  cards.select(symbol);
  panel.draw(symbol, market.quotes.get(symbol));
}

/** Draw once a frame, however many ticks come in between. */
function drawSoon() {
  if (!drawPending) requestAnimationFrame(draw);
  drawPending = true;
}

function draw() {
  drawPending = false;
  const changed = market.takeChanged();
  for (const symbol of changed) cards.draw(symbol, market.quotes.get(symbol));
  byId("count").textContent = market.quotes.size;
  byId("cards-empty").hidden = market.quotes.size > 0;
  if (!market.quotes.has(selected)) select([...market.quotes.keys()].sort()[0] ?? "");
  else if (changed.has(selected)) panel.draw(selected, market.quotes.get(selected));
}

wireTheme(byId("theme"), () => panel.restyle());
connection.open();
addEventListener("online", () => connection.open());
setInterval(() => {
  const now = performance.now();
  status.draw(meter.read(now), now);
}, STATUS_EVERY_MS);
