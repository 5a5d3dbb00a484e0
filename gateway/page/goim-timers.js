/**
 * Timers by name: setting one again moves it.
 *
 * @typedef {{set: (act: () => void, milliseconds: number) => any, clear: (id: any) => void}} Timers
 */

/** @type {Timers} */
export const ownTimers = {
  set: (act, milliseconds) => setTimeout(act, milliseconds),
  clear: (id) => clearTimeout(id),
};

export class NamedTimers {
  #clock;
  #running = new Map();

  constructor(/** @type {Timers} */ clock = ownTimers) {
    this.#clock = clock;
  }

  after(/** @type {string} */ name, /** @type {number} */ seconds, /** @type {() => void} */ act) {
    this.clear(name);
    const run = () => {
      this.#running.delete(name);
      act();
    };
    this.#running.set(name, this.#clock.set(run, seconds * 1000));
  }

  has(/** @type {string} */ name) {
    return this.#running.has(name);
  }

  clear(/** @type {string} */ name) {
    if (this.#running.has(name)) this.#clock.clear(this.#running.get(name));
    this.#running.delete(name);
  }

  clearAll() {
    for (const name of [...this.#running.keys()]) this.clear(name);
  }
}
