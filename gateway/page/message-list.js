/**
 * The messages of one room or member: in the order of their sequences, own unsent ones last, with
 * a line where the unread ones begin. It goes on while it is not shown.
 *
 * @import { Stored } from "./chat-message.js"
 * @typedef {Stored & {mine: boolean, state: "sent" | "pending" | "failed", element: HTMLElement}}
 *   Entry
 */

import { node } from "./elements.js";
import {
  dayName,
  dayOf,
  drawFailure,
  drawMessage,
  drawNotice,
  drawUnreadLine,
  renameAuthor,
  renameNotices,
} from "./message-view.js";

const GROUP_MS = 5 * 60_000; // messages of one sender within it stand together
const MOST_ENTRIES = 500;

export class MessageList {
  element = node("ol", "messages");
  /** From the top to what was seen last, null: at the end. @type {number | null} */
  scroll = null;
  #nameOf;
  #entries = /** @type {Entry[]} */ ([]);
  #unreadAfter = Infinity;
  #unreadLine = /** @type {HTMLElement | null} */ (null);

  constructor(/** @type {(mid: number) => string} */ nameOf) {
    this.#nameOf = nameOf;
  }

  get isEmpty() {
    return this.#entries.length === 0;
  }

  get hasUnsent() {
    return this.#firstUnsent() !== undefined;
  }

  get unreadLine() {
    return this.#unreadLine;
  }

  /** The lowest sequence that is there, 0 for none. */
  get first() {
    return this.#entries.find((one) => one.sequence > 0)?.sequence ?? 0;
  }

  /** Show a message; one that is there already is left alone. @param {Stored} message @param {boolean} mine */
  add(message, mine) {
    const { sequence } = message;
    if (sequence && this.#entries.some((one) => one.sequence === sequence)) return;
    const entry = this.#insert({ ...message, mine, state: "sent" });
    if (!mine && sequence > this.#unreadAfter) this.#placeUnreadLine(entry);
  }

  /** @param {Stored} message @returns {Entry} for `confirm` or `fail` */
  addPending(message) {
    return this.#insert({ ...message, mine: true, state: "pending" });
  }

  /** The server stored it; it moves to its place. @param {Entry} entry @param {number} sequence */
  confirm(entry, sequence) {
    this.#remove(entry);
    const known = sequence && this.#entries.some((one) => one.sequence === sequence);
    if (!known) this.#insert({ ...entry, sequence, state: "sent" });
  }

  /** It was not sent. @param {Entry} entry @param {string} words @param {() => void} retry */
  fail(entry, words, retry) {
    entry.state = "failed";
    entry.element.classList.replace("pending", "failed");
    drawFailure(entry.element, words, () => {
      entry.state = "pending";
      entry.element.classList.replace("failed", "pending");
      retry();
    });
  }

  /** Say after the messages that something happened. @param {(string | {mid: number})[]} parts */
  addNotice(parts) {
    const item = drawNotice(parts, this.#nameOf);
    this.element.insertBefore(item, this.#firstUnsent()?.element ?? null);
  }

  /** Draw a line before the first message of others above a sequence, now or when it comes. */
  beginUnread(/** @type {number} */ after) {
    this.endUnread();
    this.#unreadAfter = after;
    const first = this.#entries.find((one) => !one.mine && one.sequence > after);
    if (first) this.#placeUnreadLine(first);
  }

  /** They have been seen. */
  endUnread() {
    this.#unreadAfter = Infinity;
    const next = this.#unreadLine?.nextElementSibling;
    this.#unreadLine?.remove();
    this.#unreadLine = null;
    this.#decorate(this.#entries.findIndex((one) => one.element === next));
  }

  /** Members may be known by other names now. */
  rename() {
    for (const { element, from, mine, kind } of this.#entries) {
      if (!mine && kind === "chat") renameAuthor(element, from, this.#nameOf(from));
    }
    renameNotices(this.element, this.#nameOf);
  }

  /** Forget the oldest ones beyond a bound. Returns whether there were some. */
  trim() {
    const beyond = this.#entries.length - MOST_ENTRIES;
    for (const entry of this.#entries.slice(0, Math.max(0, beyond))) this.#remove(entry);
    return beyond > 0;
  }

  #firstUnsent() {
    return this.#entries.find((one) => one.state !== "sent");
  }

  #insert(/** @type {Omit<Entry, "element">} */ values) {
    const author = values.kind === "service" ? "Service" : this.#nameOf(values.from);
    const entry = /** @type {Entry} */ ({ ...values, element: drawMessage(values, author) });
    const after = this.#entries.findLastIndex((one) => !isLater(one, entry));
    const next = this.#entries[after + 1]?.element ?? null;
    this.element.insertBefore(entry.element, next === this.#afterLine() ? this.#unreadLine : next);
    this.#entries.splice(after + 1, 0, entry);
    this.#decorate(after + 1);
    this.#decorate(after + 2);
    return entry;
  }

  #afterLine() {
    return this.#unreadLine?.nextElementSibling;
  }

  #remove(/** @type {Entry} */ entry) {
    const index = this.#entries.indexOf(entry);
    if (index < 0) return;
    this.#entries.splice(index, 1);
    entry.element.remove();
    this.#decorate(index);
  }

  /** It moves up when an older unread one comes later. */
  #placeUnreadLine(/** @type {Entry} */ entry) {
    const line = this.#unreadLine;
    const follows = line && line.compareDocumentPosition(entry.element) & Node.DOCUMENT_POSITION_FOLLOWING;
    if (follows) return;
    const before = this.#afterLine();
    this.#unreadLine ??= drawUnreadLine();
    entry.element.before(this.#unreadLine);
    for (const one of [before, entry.element]) {
      this.#decorate(this.#entries.findIndex(({ element }) => element === one));
    }
  }

  /** A day line before the first of a day; no head where the sender goes on. */
  #decorate(/** @type {number} */ index) {
    const entry = this.#entries[index];
    if (!entry) return;
    const before = this.#entries[index - 1];
    const newDay = !before || dayOf(before.time) !== dayOf(entry.time);
    const goesOn =
      before?.from === entry.from && before.kind === entry.kind && before.mine === entry.mine;
    const soon = goesOn && !newDay && entry.time - before.time < GROUP_MS;
    const follows = entry.element.previousElementSibling === before?.element;
    entry.element.classList.toggle("grouped", Boolean(soon && follows));
    if (newDay) entry.element.dataset.day = dayName(entry.time);
    else delete entry.element.dataset.day;
  }
}

/** Unsent ones come last, in the order they were written; unstored ones as they came. */
function isLater(/** @type {Entry} */ one, /** @type {Entry} */ than) {
  if (than.state !== "sent") return false;
  if (one.state !== "sent") return true;
  return Boolean(one.sequence && than.sequence && one.sequence > than.sequence);
}
