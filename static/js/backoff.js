/**
 * When to try again after a lost connection: exponential backoff with full jitter, so that clients
 * that were cut off together do not come back together.
 */

const BASE_MS = 500;
const CAP_MS = 12_000;

/**
 * Return how long to wait before the next attempt, in ms: anything from 0 to a bound that doubles.
 * @param {number} failures attempts that have failed in a row, from 0
 * @param {() => number} random a number from 0 up to, and without, 1
 * @returns {number}
 */
export function retryDelay(failures, random = Math.random) {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** failures);
}
