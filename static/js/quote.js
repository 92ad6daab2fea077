/** The panel of the chosen symbol: its figures over its chart. */

import { PriceChart } from "./chart.js";
import { formatChange, formatPrice } from "./format.js";

const NO_VALUE = "–";

export class QuotePanel {
  /** @type {PriceChart | null} */
  #chart = null;

  constructor() {
    if (globalThis.Chart) {
      this.#chart = new PriceChart(element("chart"));
    } else {
      element("chart").hidden = true;
      element("chart-empty").hidden = false;
    }
  }

  /**
   * Show a symbol; without a quote the panel is empty.
   * @param {string} symbol
   * @param {import("./state.js").Quote | undefined} quote
   */
  draw(symbol, quote) {
    const range = quote?.series.range();
    const change = quote && quote.tick.price - range.first;
    write("chart-symbol", symbol || NO_VALUE);
    write("chart-price", quote ? formatPrice(quote.tick.price) : NO_VALUE);
    write("chart-change", quote ? formatChange(change, range.first) : NO_VALUE);
    write("chart-high", quote ? formatPrice(range.high) : NO_VALUE);
    write("chart-low", quote ? formatPrice(range.low) : NO_VALUE);
    element("chart-change").dataset.trend = trend(change);
    this.#chart?.draw(symbol, quote?.series.points ?? []);
  }

  /** Take the colours anew, after a change of theme. */
  restyle() {
    this.#chart?.restyle();
  }
}

function trend(change) {
  if (!change) return "flat";
  return change > 0 ? "up" : "down";
}

const element = (id) => document.getElementById(id);

function write(id, text) {
  element(id).textContent = text;
}
