/** A symbol's last ticks as the path of a tiny SVG line. */

const TICKS = 60;
/** The path's box; index.html gives the SVG the same. */
const WIDTH = 100;
const HEIGHT = 30;

/**
 * Return the `d` of a path through the newest points, the oldest at the left edge.
 * @param {{x: number, y: number}[]} points a NaN breaks the line
 * @returns {string}
 */
export function sparkline(points) {
  const shown = points.slice(-TICKS);
  const prices = shown.map((point) => point.y).filter((price) => !Number.isNaN(price));
  const low = Math.min(...prices);
  const height = Math.max(...prices) - low || 1;
  const start = shown[0].x;
  const width = shown.at(-1).x - start || 1;
  let path = "";
  let pen = "M";
  for (const { x, y } of shown) {
    if (Number.isNaN(y)) {
      pen = "M";
      continue;
    }
    const across = ((x - start) / width) * WIDTH;
    const down = (1 - (y - low) / height) * HEIGHT;
    path += `${pen}${across.toFixed(1)} ${down.toFixed(1)}`;
    pen = "L";
  }
  return path;
}
