/** What the page says of the connection and of the stream. */

import { formatCount, formatLatency, formatRate, formatTime } from "./format.js";

const WORDS = {
  connecting: "Connecting",
  open: "Waiting for prices",
  live: "Live",
  waiting: "Reconnecting",
};
const NO_VALUE = "–";
const QUIET_MS = 15_000;

export class StatusBar {
  /** @type {"connecting" | "open" | "live" | "waiting"} */
  #phase = "connecting";
  #retryAt = 0;
  /** @type {import("./state.js").Tick | null} the last one; of a snapshot the youngest */
  #newest = null;
  #heardAt = 0;
  #problem = "";

  /** @param {import("./connection.js").Status} status */
  connection({ phase, retryAt = 0 }) {
    this.#retryAt = retryAt;
    // An attempt after a loss is still a part of reconnecting: the word does not flicker.
    if (this.#phase !== "waiting" || phase !== "connecting") this.#enter(phase);
  }

  /**
   * The prices on the page are the market's again.
   * @param {{ticks: import("./state.js").Tick[]}} data of a `snapshot`
   * @param {number} now performance.now()
   */
  snapshot({ ticks }, now) {
    for (const tick of ticks) {
      if (!this.#newest || tick.timestamp >= this.#newest.timestamp) this.#newest = tick;
    }
    this.#heardAt = now;
    this.#enter("live");
  }

  /**
   * @param {import("./state.js").Tick} tick
   * @param {number} now performance.now()
   */
  tick(tick, now) {
    // Not the youngest: one tick from the future would stop the page's clock.
    this.#newest = tick;
    this.#heardAt = now;
  }

  /** @param {{messagesProcessed: number, connectedClients: number}} data of a `metrics` */
  metrics({ messagesProcessed, connectedClients }) {
    write("clients", formatCount(connectedClients));
    write("processed", `${formatCount(messagesProcessed)} ticks processed`);
  }

  /** @param {{code: string, message: string}} data of an `error` */
  error({ code, message }) {
    this.#problem = `The bridge reports ${code}: ${message}`;
  }

  /**
   * Draw the figures.
   * @param {{rate: number, latencyMs: number | null}} reading of the meter
   * @param {number} now performance.now()
   */
  draw({ rate, latencyMs }, now) {
    const live = this.#phase === "live";
    write("rate", live ? formatRate(rate) : NO_VALUE);
    write("latency", live && latencyMs !== null ? formatLatency(latencyMs) : NO_VALUE);
    if (this.#newest) {
      write("last-tick", formatTime(this.#newest.timestamp));
      write("last-symbol", this.#newest.symbol);
    }
    const notice = this.#notice(now);
    write("notice", notice);
    element("notice").hidden = !notice;
  }

  #enter(phase) {
    this.#phase = phase;
    if (phase === "open") this.#problem = "";
    element("status").dataset.phase = phase;
    write("status", WORDS[phase]);
    document.body.toggleAttribute("data-stale", phase !== "live");
  }

  #notice(now) {
    const since = this.#newest && formatTime(this.#newest.timestamp);
    if (this.#phase === "waiting") {
      const seconds = Math.ceil((this.#retryAt - now) / 1000);
      const next = seconds > 0 ? `Next attempt in ${seconds} s.` : "Trying now.";
      return `${since ? `Connection lost: prices are as of ${since}.` : "No answer."} ${next}`;
    }
    if (this.#phase !== "live") return since ? `Prices are as of ${since}.` : "";
    if (this.#problem) return this.#problem;
    return since && now - this.#heardAt > QUIET_MS ? `No tick since ${since}.` : "";
  }
}

const element = (id) => document.getElementById(id);

/** An equal text is left alone, so that nothing is announced twice. */
function write(id, text) {
  if (element(id).textContent !== text) element(id).textContent = text;
}
