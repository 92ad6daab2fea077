/** How numbers and times read: one English form, with columns that line up. */

const prices = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const changes = new Intl.NumberFormat("en", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  signDisplay: "exceptZero",
});
const counts = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const times = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** Return a price as 1,234.50. */
export const formatPrice = (price) => prices.format(price);

/** Return a whole number as 1,234. */
export const formatCount = (count) => counts.format(count);

/** Return a rate as 4.9, or from a hundred on as 12,345. */
export const formatRate = (rate) => (rate < 100 ? tenths : counts).format(rate);

/** Return a latency in whole ms, or <1. */
export const formatLatency = (ms) => (ms < 1 ? "<1" : counts.format(ms));

// What a Date can hold; formatting any other time throws.
const LATEST_MS = 8.64e15;

/** Return a time of the day, ms since the epoch, as 14:03:59 in the local zone; – beyond all days. */
export const formatTime = (timestamp) =>
  Math.abs(timestamp) <= LATEST_MS ? times.format(timestamp) : "–";

/** Return a change of a price with its share of the price before: +1.20 (+0.51%). */
export function formatChange(change, before) {
  return `${changes.format(change)} (${changes.format((change / before) * 100)}%)`;
}
