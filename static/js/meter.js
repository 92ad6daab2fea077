/** How fast ticks come, and how old they are on arrival, over the last seconds. */

const WINDOW_MS = 5_000;
// The first tick of each such span stands for the others: 500 samples are enough for a median.
const SAMPLE_MS = 10;

export class Meter {
  #offsetMs = 0;
  #total = 0;
  /** @type {{at: number, total: number}[]} the total at each reading in the window */
  #readings = [];
  /** @type {{at: number, latencyMs: number}[]} */
  #samples = [];

  /**
   * Set the bridge's clock; the one of this machine may be wrong, and is not used.
   *
   * The welcome's own way here counts as none: by that much, the network's delay in one direction,
   * every latency is too low.
   * @param {number} serverTime ms since the epoch, as in `welcome`
   * @param {number} now performance.now() on its receipt
   */
  synchronise(serverTime, now) {
    this.#offsetMs = serverTime - now;
  }

  /** Count nothing from before: a new connection begins. */
  reset(now) {
    this.#samples = [];
    this.#readings = [{ at: now, total: this.#total }];
  }

  /**
   * Count one tick that came live.
   * @param {number} timestamp the tick's, ms since the epoch
   * @param {number} now performance.now() on its receipt
   */
  count(timestamp, now) {
    this.#total += 1;
    if (now - (this.#samples.at(-1)?.at ?? -Infinity) < SAMPLE_MS) return;
    this.#samples.push({ at: now, latencyMs: Math.max(0, now + this.#offsetMs - timestamp) });
  }

  /**
   * Return ticks a second, and the median latency in ms or null where no tick came.
   * @param {number} now performance.now()
   * @returns {{rate: number, latencyMs: number | null}}
   */
  read(now) {
    const since = now - WINDOW_MS;
    this.#readings.push({ at: now, total: this.#total });
    while (this.#readings.length > 1 && this.#readings[1].at <= since) this.#readings.shift();
    const { at, total } = this.#readings[0];
    const rate = now > at ? ((this.#total - total) * 1000) / (now - at) : 0;
    this.#samples = this.#samples.filter((sample) => sample.at > since);
    const latencies = this.#samples.map((sample) => sample.latencyMs).sort((a, b) => a - b);
    return { rate, latencyMs: latencies[latencies.length >> 1] ?? null };
  }
}
