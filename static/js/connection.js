/** The WebSocket to the bridge: it comes back by itself, for as long as the page is open. */

import { retryDelay } from "./backoff.js";

// A connection that lived this long was a good one: the next failure starts again at a short wait.
const STABLE_MS = 5_000;
// The bridge sends `metrics` every 5 s. A page cannot see its pings, so three missed ones mean that
// the line is dead; the operating system alone would take minutes to say so.
const SILENCE_MS = 15_000;

/**
 * @typedef {object} Status
 * @property {"connecting" | "open" | "waiting"} phase
 * @property {number} [retryAt] when the next attempt starts, on performance.now()'s clock (waiting)
 */

export class Connection {
  #url;
  #onMessage;
  #onStatus;
  #socket = null;
  #openedAt = Infinity;
  #failures = 0;
  #retryTimer = 0;
  #silenceTimer = 0;

  /**
   * @param {string} url
   * @param {object} on
   * @param {(message: {event: string, data: any}) => void} on.message
   * @param {(status: Status) => void} on.status
   */
  constructor(url, { message, status }) {
    this.#url = url;
    this.#onMessage = message;
    this.#onStatus = status;
  }

  /** Connect now; a wait for the next attempt is cut short, a connection that is up stays. */
  open() {
    if (this.#socket) return;
    clearTimeout(this.#retryTimer);
    this.#openedAt = Infinity;
    this.#onStatus({ phase: "connecting" });
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#openedAt = performance.now();
      this.#onStatus({ phase: "open" });
    };
    socket.onmessage = ({ data }) => {
      this.#listen();
      this.#onMessage(JSON.parse(data));
    };
    socket.onclose = () => this.#lost();
    this.#listen();
  }

  /** Send one event; without a connection it is dropped, for the next welcome asks again. */
  send(event, data) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ event, data }));
    }
  }

  #listen() {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => this.#lost(), SILENCE_MS);
  }

  #lost() {
    const socket = this.#socket;
    clearTimeout(this.#silenceTimer);
    // On a dead line the close event takes its time: do not wait for it, nor hear it later.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#socket = null;
    if (performance.now() - this.#openedAt >= STABLE_MS) this.#failures = 0;
    const delayMs = retryDelay(this.#failures++);
    this.#retryTimer = setTimeout(() => this.open(), delayMs);
    this.#onStatus({ phase: "waiting", retryAt: performance.now() + delayMs });
  }
}
