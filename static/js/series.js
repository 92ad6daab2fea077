/** A symbol's newest prices for the chart: a series of fixed length. */

/** Points a symbol, about four minutes at one tick a second. */
export const LENGTH = 240;
// One point a slot (the newest tick wins), so that the chart shows a minute at any rate.
const SLOT_MS = 250;
// The topic keeps a day: two ticks of one market are not further apart than that.
const LONGEST_MS = 86_400_000;

const slot = (timestamp) => Math.floor(timestamp / SLOT_MS);

export class Series {
  /** @type {{x: number, y: number}[]} x in ms since the epoch; y is NaN where ticks were missed */
  points = [];

  /**
   * Add a price; the oldest one falls out where the series is full. Times run one way: points that
   * are later than this one go, because their clock was wrong, and so does a line a day away.
   */
  push(timestamp, price) {
    const { points } = this;
    while (points.length && points.at(-1).x > timestamp) points.pop();
    if (points.length && timestamp - points.at(-1).x > LONGEST_MS) points.length = 0;
    if (points.length && slot(points.at(-1).x) === slot(timestamp)) points.pop();
    points.push({ x: timestamp, y: price });
    points.splice(0, points.length - LENGTH);
  }

  /**
   * Say that ticks were missed between the newest point and this time: the line has a gap there,
   * not a guess. A gap longer than the line would leave no room for it: the line begins anew.
   */
  interrupt(timestamp) {
    const { points } = this;
    if (!points.length) return;
    const newest = points.at(-1).x;
    if (timestamp - newest > newest - points[0].x) points.length = 0;
    else points.push({ x: newest + 1, y: NaN });
  }

  /** Return the first, lowest and highest price in view. */
  range() {
    const prices = this.points.map((point) => point.y).filter((price) => !Number.isNaN(price));
    return { first: prices[0], low: Math.min(...prices), high: Math.max(...prices) };
  }
}
