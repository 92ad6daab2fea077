/** The price cards: one a symbol, in the alphabet's order; the pressed one is on the chart. */

import { formatChange, formatCount, formatPrice } from "./format.js";
import { sparkline } from "./sparkline.js";

// A trend is told by shape as well as by colour.
const ARROWS = { up: "▲", down: "▼", flat: "=" };

export class Cards {
  #list;
  #template;
  #onSelect;
  /** @type {Map<string, HTMLLIElement>} */
  #items = new Map();
  #selected = "";

  /**
   * @param {HTMLUListElement} list
   * @param {HTMLTemplateElement} template of a list item, which has the card
   * @param {(symbol: string) => void} onSelect called on a click, and with Enter or Space
   */
  constructor(list, template, onSelect) {
    this.#list = list;
    this.#template = template;
    this.#onSelect = onSelect;
  }

  /**
   * Show a symbol's quote; without one its card goes.
   * @param {string} symbol
   * @param {import("./state.js").Quote | undefined} quote
   */
  draw(symbol, quote) {
    if (quote) {
      fill(this.#items.get(symbol) ?? this.#add(symbol), quote);
    } else {
      this.#items.get(symbol)?.remove();
      this.#items.delete(symbol);
    }
  }

  /** Press a symbol's card, and release the one before. */
  select(symbol) {
    this.#press(this.#selected, false);
    this.#press(symbol, true);
    this.#selected = symbol;
  }

  #press(symbol, pressed) {
    const card = this.#items.get(symbol)?.firstElementChild;
    card?.setAttribute("aria-pressed", String(pressed));
  }

  #add(symbol) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    item.querySelector(".symbol").textContent = symbol;
    item.firstElementChild.addEventListener("click", () => this.#onSelect(symbol));
    const next = [...this.#items.keys()].filter((other) => other > symbol).sort()[0];
    this.#list.insertBefore(item, this.#items.get(next) ?? null);
    this.#items.set(symbol, item);
    this.#press(symbol, symbol === this.#selected);
    return item;
  }
}

function fill(item, { tick, change, trend, series }) {
  const part = (selector) => item.querySelector(selector);
  const card = item.firstElementChild;
  card.dataset.trend = trend;
  // The tint behind the price begins anew with each tick: css/card.css has two names for it.
  card.dataset.beat = card.dataset.beat === "odd" ? "even" : "odd";
  part(".price").textContent = formatPrice(tick.price);
  part(".arrow").textContent = ARROWS[trend];
  part(".change").textContent = formatChange(change, tick.price - change);
  part(".volume").textContent = `Vol ${formatCount(tick.volume)}`;
  part("path").setAttribute("d", sparkline(series.points));
}
