/** Who is typing: said now and then while one writes, believed for some seconds. */

const SAY_MS = 3000; // between two signals
const BELIEVE_MS = 6000;

export class Typing {
  #say;
  #changed;
  #said = new Map();
  #typing = /** @type {Map<string, Map<number, any>>} */ (new Map());

  /**
   * @param {(key: string) => void} say @param {(key: string) => void} changed by the conversation's
   *   key
   */
  constructor(say, changed) {
    this.#say = say;
    this.#changed = changed;
  }

  /** One is writing. */
  write(/** @type {string} */ key) {
    const now = performance.now();
    if (now - (this.#said.get(key) ?? -Infinity) < SAY_MS) return;
    this.#said.set(key, now);
    this.#say(key);
  }

  /** What one wrote was sent: the next letter is said at once. */
  sent(/** @type {string} */ key) {
    this.#said.delete(key);
  }

  /** Somebody is writing. */
  hear(/** @type {string} */ key, /** @type {number} */ mid) {
    const members = this.#typing.get(key) ?? new Map();
    this.#typing.set(key, members);
    clearTimeout(members.get(mid));
    members.set(mid, setTimeout(() => this.end(key, mid), BELIEVE_MS));
    this.#changed(key);
  }

  /** Somebody's message has come, or nothing more. */
  end(/** @type {string} */ key, /** @type {number} */ mid) {
    const members = this.#typing.get(key);
    if (!members?.has(mid)) return;
    clearTimeout(members.get(mid));
    members.delete(mid);
    this.#changed(key);
  }

  /** @returns {number[]} */
  in(/** @type {string} */ key) {
    return [...(this.#typing.get(key)?.keys() ?? [])];
  }
}

/** "Ada and Bob are typing …" @param {string[]} names */
export function typingWords(names) {
  if (!names.length) return "";
  if (names.length > 2) return "Several people are typing …";
  return `${names.join(" and ")} ${names.length > 1 ? "are" : "is"} typing …`;
}
