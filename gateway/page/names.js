/**
 * What members are called. The server knows accounts; what a guest calls itself is believed where
 * the server knows nothing.
 */

import { guestName } from "./chat-message.js";

const MOST_ASKED = 100; // of one request
const GOOD_MS = 600_000; // then a member may have taken another name
const ASK_MS = 20; // so long it gathers mids for one

export class Names {
  #ask;
  #changed;
  #known = /** @type {Map<number, string>} */ (new Map());
  #told = /** @type {Map<number, string>} */ (new Map());
  #wanted = /** @type {Set<number>} */ (new Set());
  #asked = /** @type {Map<number, number>} */ (new Map()); // when
  #timer = 0;

  /**
   * @param {(asked: {mids?: number[], names?: string[]}) => Promise<{mid: number, name: string}[]>}
   *   ask @param {() => void} changed some are known now
   */
  constructor(ask, changed) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** @param {number} mid @returns {string} */
  of(mid) {
    this.#want(mid);
    return this.#known.get(mid) ?? this.#told.get(mid) ?? guestName(mid);
  }

  /** The server says so. @param {number} mid @param {string} name */
  learn(mid, name) {
    this.#known.set(mid, name);
  }

  /** A message says so. @param {number} mid @param {string} name */
  hear(mid, name) {
    if (!name || this.#told.get(mid) === name) return;
    this.#told.set(mid, name);
    if (!this.#known.has(mid)) this.#changed();
  }

  /** Return the member with this name or number, 0 for nobody. @param {string} text */
  async find(text) {
    const wanted = text.trim();
    const found = await this.#ask({ names: [wanted] });
    if (found.length) {
      this.learn(found[0].mid, found[0].name);
      return found[0].mid;
    }
    const same = [...this.#told].filter(([, name]) => name.toLowerCase() === wanted.toLowerCase());
    if (same.length === 1) return same[0][0];
    return /^[1-9]\d{0,15}$/u.test(wanted) ? Number(wanted) : 0;
  }

  #want(/** @type {number} */ mid) {
    const now = performance.now();
    if (mid <= 0 || now - (this.#asked.get(mid) ?? -Infinity) < GOOD_MS) return;
    this.#asked.set(mid, now);
    this.#wanted.add(mid);
    this.#timer ||= setTimeout(() => this.#fetch(), ASK_MS);
  }

  async #fetch() {
    this.#timer = 0;
    const mids = [...this.#wanted].slice(0, MOST_ASKED);
    for (const mid of mids) this.#wanted.delete(mid);
    if (this.#wanted.size) this.#timer = setTimeout(() => this.#fetch(), ASK_MS);
    try {
      const found = await this.#ask({ mids });
      for (const { mid, name } of found) this.learn(mid, name);
      if (found.length) this.#changed();
    } catch {
      for (const mid of mids) this.#asked.delete(mid); // the next time they are shown
    }
  }
}
