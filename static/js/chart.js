/** The line chart of one symbol, by Chart.js (a global of vendor/chart.js). */

import { formatPrice, formatTime } from "./format.js";

const MAX_TIME_LABELS = 6;
const TIME_STEPS_MS = [1, 5, 10, 15, 30, 60, 120, 300, 900, 3600].map((s) => s * 1000);

export class PriceChart {
  #chart;
  #canvas;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#chart = new globalThis.Chart(canvas, configuration());
    this.restyle();
  }

  /**
   * Draw a symbol's prices.
   * @param {string} symbol
   * @param {{x: number, y: number}[]} points
   */
  draw(symbol, points) {
    const label = `Line chart of the price of ${symbol}`;
    if (this.#canvas.ariaLabel !== label) this.#canvas.ariaLabel = label;
    // A copy: Chart.js notes every change of its array until it draws, which a hidden page does not.
    this.#chart.data.datasets[0].data = points.slice();
    this.#chart.update("none");
  }

  /** Take the colours and the font from the page's style, after a change of theme. */
  restyle() {
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const { options, data } = this.#chart;
    globalThis.Chart.defaults.font.family = style.fontFamily;
    for (const scale of [options.scales.x, options.scales.y]) {
      scale.ticks.color = colour("muted");
      scale.grid.color = colour("grid");
    }
    Object.assign(options.plugins.tooltip, {
      backgroundColor: colour("raised"),
      borderColor: colour("edge"),
      titleColor: colour("muted"),
      bodyColor: colour("text"),
    });
    data.datasets[0].borderColor = colour("accent");
    data.datasets[0].pointHoverBackgroundColor = colour("accent");
    data.datasets[0].backgroundColor = (context) =>
      fade(context.chart, colour("accent-tint"), colour("accent-clear"));
    this.#chart.update("none");
  }
}

function configuration() {
  return {
    type: "line",
    data: { datasets: [{ data: [], fill: "start", borderWidth: 2, pointRadius: 0, tension: 0 }] },
    plugins: [newestPoint],
    options: {
      animation: false,
      maintainAspectRatio: false,
      normalized: true,
      parsing: false,
      interaction: { mode: "index", intersect: false },
      layout: { padding: { top: 8 } },
      scales: {
        x: {
          type: "linear",
          bounds: "data",
          border: { display: false },
          grid: { display: false },
          afterBuildTicks: (axis) => (axis.ticks = wholeTimes(axis.min, axis.max)),
          ticks: { callback: formatTime, align: "inner", maxRotation: 0, font: { size: 11 } },
        },
        y: {
          position: "right",
          grace: "12%",
          border: { display: false },
          ticks: { callback: formatPrice, maxTicksLimit: 7, font: { size: 11 } },
        },
      },
      plugins: {
        legend: { display: false },
        tooltip: {
          displayColors: false,
          borderWidth: 1,
          padding: 10,
          callbacks: {
            title: ([item]) => item && formatTime(item.parsed.x),
            label: (item) => formatPrice(item.parsed.y),
          },
        },
      },
    },
  };
}

/** A dot at the newest price, and a line from it to the price axis. */
const newestPoint = {
  id: "newestPoint",
  afterDatasetsDraw({ ctx, chartArea, data, scales }) {
    const [dataset] = data.datasets;
    const newest = dataset.data.at(-1);
    if (!newest) return;
    const x = scales.x.getPixelForValue(newest.x);
    const y = scales.y.getPixelForValue(newest.y);
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = dataset.borderColor;
    ctx.beginPath();
    ctx.arc(x, y, 3.5, 0, 2 * Math.PI);
    ctx.fill();
    ctx.setLineDash([2, 4]);
    ctx.globalAlpha = 0.6;
    ctx.beginPath();
    ctx.moveTo(chartArea.left, y);
    ctx.lineTo(chartArea.right, y);
    ctx.stroke();
    ctx.restore();
  },
};

/** Return the axis' labels at whole seconds or minutes, at most seven of them. */
export function wholeTimes(min, max) {
  const fits = (step) => (max - min) / step <= MAX_TIME_LABELS;
  // Chart.js gives a single point an axis of years; hours on it would be thousands of labels.
  const step = TIME_STEPS_MS.find(fits) ?? Math.ceil((max - min) / MAX_TIME_LABELS);
  const ticks = [];
  for (let value = Math.ceil(min / step) * step; value <= max; value += step) ticks.push({ value });
  return ticks;
}

function fade({ ctx, chartArea }, top, bottom) {
  if (!chartArea) return bottom; // not laid out yet
  const gradient = ctx.createLinearGradient(0, chartArea.top, 0, chartArea.bottom);
  gradient.addColorStop(0, top);
  gradient.addColorStop(1, bottom);
  return gradient;
}
