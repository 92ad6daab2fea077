/** How fast ticks come, and how old they are on arrival, over the last seconds. */

const WINDOW_MS = 5_000;
// The first tick of each such span stands for the others: 500 samples are enough for a median.
const SAMPLE_MS = 10;
// About a minute of the bridge's `metrics`: a clock that was put right is soon followed.
const CLOCK_READINGS = 12;

export class Meter {
  /** @type {number[]} by how much the bridge's clock is ahead of performance.now() */
  #offsets = [];
  #total = 0;
  /** @type {{at: number, total: number}[]} the total at each reading in the window */
  #readings = [];
  /** @type {{at: number, latencyMs: number}[]} */
  #samples = [];

  /**
   * Compare the clocks; the one of this machine may be wrong, and only its pace is used.
   *
   * A message that was delayed makes the bridge's clock look slow, so the fastest of the last ones
   * sets it. What remains, the network's shortest delay in one direction, is not in the latency.
   * @param {number} serverTime ms since the epoch, as in `welcome` and `metrics`
   * @param {number} now performance.now() on its receipt
   */
  synchronise(serverTime, now) {
    this.#offsets.push(serverTime - now);
    this.#offsets = this.#offsets.slice(-CLOCK_READINGS);
  }

  /** Count nothing from before: a new connection begins, perhaps to another bridge. */
  reset(now) {
    this.#offsets = [];
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
    const serverNow = now + Math.max(...this.#offsets);
    this.#samples.push({ at: now, latencyMs: Math.max(0, serverNow - timestamp) });
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
