/** What the page knows of the market: each symbol's newest quote. It knows nothing of the page. */

import { Series } from "./series.js";

/**
 * @typedef {object} Tick
 * @property {string} symbol
 * @property {number} price
 * @property {number} volume shares
 * @property {number} timestamp ms since the epoch
 * @property {number} sequence counts the symbol's ticks
 * @property {number} partition
 * @property {number} offset its place on the partition
 *
 * @typedef {object} Quote
 * @property {Tick} tick the newest
 * @property {number} change against the tick before, in the price's unit
 * @property {"up" | "down" | "flat"} trend against the tick before
 * @property {Series} series
 */

export class Market {
  /** @type {Map<string, Quote>} */
  quotes = new Map();
  /** @type {Set<string>} symbols with news since `takeChanged` */
  #changed = new Set();
  #epoch = null;

  /**
   * Start anew where the topic is another one: its offsets count from 0 again.
   * @param {{epoch: string | null}} data of a `welcome`; without an epoch Kafka was not there yet
   */
  welcome({ epoch }) {
    if (epoch === null || epoch === this.#epoch) return;
    if (this.#epoch !== null) {
      for (const symbol of this.quotes.keys()) this.#changed.add(symbol);
      this.quotes.clear();
    }
    this.#epoch = epoch;
  }

  /** @param {{ticks: Tick[]}} data of a `snapshot`: each symbol's newest tick */
  snapshot({ ticks }) {
    for (const tick of ticks) {
      const known = this.quotes.get(tick.symbol);
      if (known && tick.sequence > known.tick.sequence + 1) known.series.interrupt(tick.timestamp);
      this.tick(tick);
    }
  }

  /**
   * Take a tick, unless the symbol has it, or a newer one, already.
   * @param {Tick} tick
   * @returns {boolean} whether it was news
   */
  tick(tick) {
    const quote = this.quotes.get(tick.symbol);
    if (quote && !isNews(tick, quote.tick)) return false;
    const change = quote ? tick.price - quote.tick.price : 0;
    const trend = change > 0 ? "up" : change < 0 ? "down" : "flat";
    const series = quote?.series ?? new Series();
    series.push(tick.timestamp, tick.price);
    this.quotes.set(tick.symbol, { tick, change, trend, series });
    this.#changed.add(tick.symbol);
    return true;
  }

  /** Return the symbols that came, changed or went since the last call. */
  takeChanged() {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }
}

// The bridge has judged by sequence and time; here only what the page has already is left out.
// Places are the same on every bridge. A symbol changes its partition where the topic grows.
function isNews(tick, known) {
  return tick.partition !== known.partition || tick.offset > known.offset;
}
