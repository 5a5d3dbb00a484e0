/**
 * The list of messages of one room: in the order of their sequences, own unsent ones last, with a
 * line where the unread ones begin.
 *
 * @import { Stored } from "./memory.js"
 * @typedef {Stored & {mine: boolean, state: "sent" | "pending" | "failed", element: HTMLElement}}
 *   Entry
 */

import { guestName, hue, initials, splitLinks } from "./chat-message.js";

const GROUP_MS = 5 * 60_000; // messages of one sender within it stand together
const NEAR_END_PIXELS = 80;
const MOST_ENTRIES = 400;
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

export class MessageList {
  #log;
  #list;
  #toEnd;
  #toEndText;
  #entries = /** @type {Entry[]} */ ([]);
  #names = new Map();
  #unreadLine = /** @type {HTMLElement | null} */ (null);
  #unseen = 0;
  #atEnd = true;
  #following = 0;

  /**
   * @param {{log: HTMLElement, list: HTMLElement, toEnd: HTMLElement, toEndText: HTMLElement}}
   *   elements
   */
  constructor({ log, list, toEnd, toEndText }) {
    this.#log = log;
    this.#list = list;
    this.#toEnd = toEnd;
    this.#toEndText = toEndText;
    log.addEventListener("scroll", () => this.#handleScroll(), { passive: true });
    toEnd.addEventListener("click", () => this.scrollToEnd("smooth"));
    new ResizeObserver(() => this.#atEnd && this.#follow()).observe(log);
  }

  /** The sent messages that are worth remembering. @returns {Stored[]} */
  get stored() {
    return this.#entries
      .filter((entry) => entry.state === "sent")
      .map(({ sequence, from, name, text, time, kind }) => ({ sequence, from, name, text, time, kind }));
  }

  get isEmpty() {
    return this.#entries.length === 0;
  }

  get hasUnsent() {
    return this.#firstUnsent() !== undefined;
  }

  /** The name that a member last wrote under. @param {number} mid @returns {string} */
  nameOf(mid) {
    return this.#names.get(mid) || guestName(mid);
  }

  clear() {
    this.#list.replaceChildren();
    this.#entries = [];
    this.#names.clear();
    this.#unreadLine = null;
    this.#atEnd = true;
    this.#setUnseen(0);
  }

  /**
   * Show a message; one that is there already is left alone. Returns whether it is new.
   *
   * @param {Stored} message @param {{mine: boolean, unread?: boolean}} how
   */
  add(message, { mine, unread = false }) {
    if (message.sequence && this.#entries.some((one) => one.sequence === message.sequence)) {
      return false;
    }
    this.#learnName(message);
    const entry = this.#insert({ ...message, mine, state: "sent" });
    if (unread && !mine && !this.#unreadLine) this.#drawUnreadLine(entry);
    if (this.#atEnd) this.#follow();
    else if (!mine) this.#setUnseen(this.#unseen + 1);
    return true;
  }

  /** Show an own message that is on its way. @param {Stored} message @returns {Entry} */
  addPending(message) {
    const entry = this.#insert({ ...message, mine: true, state: "pending" });
    this.scrollToEnd();
    return entry;
  }

  /** The server stored it; it moves to its place. @param {Entry} entry @param {number} sequence */
  confirm(entry, sequence) {
    this.#remove(entry);
    const known = sequence && this.#entries.some((one) => one.sequence === sequence);
    if (!known) this.#insert({ ...entry, sequence, state: "sent" });
    if (this.#atEnd) this.#follow();
  }

  /** It was not sent. @param {Entry} entry @param {string} reason @param {() => void} retry */
  fail(entry, reason, retry) {
    entry.state = "failed";
    entry.element.classList.replace("pending", "failed");
    const button = node("button", "retry", "Try again");
    button.addEventListener("click", () => {
      entry.state = "pending";
      entry.element.classList.replace("failed", "pending");
      note.remove();
      retry();
    });
    const note = node("p", "failure", `Not sent: ${reason} `);
    note.setAttribute("role", "alert");
    note.append(button);
    entry.element.querySelector(".content")?.append(note);
    if (this.#atEnd) this.#follow();
  }

  /** Say between the messages that something happened. @param {string} text */
  addNotice(text) {
    const item = node("li", "notice", text);
    this.#list.insertBefore(item, this.#firstUnsent()?.element ?? null);
    if (this.#atEnd) this.#follow();
  }

  /** The unread ones have been seen. */
  removeUnreadLine() {
    this.#unreadLine?.remove();
    this.#unreadLine = null;
  }

  /** @param {ScrollBehavior} [behavior] */
  scrollToEnd(behavior = "auto") {
    this.#log.scrollTo({ top: this.#log.scrollHeight, behavior });
    this.#atEnd = true;
    this.#setUnseen(0);
  }

  /** Go to the end once before the next drawing, however many messages come until then. */
  #follow() {
    this.#following ||= requestAnimationFrame(() => {
      this.#following = 0;
      if (this.#atEnd) this.scrollToEnd();
    });
  }

  #learnName(/** @type {Stored} */ { from, name }) {
    if (!name || this.#names.get(from) === name) return;
    const first = !this.#names.has(from);
    this.#names.set(from, name);
    if (!first) return;
    for (const one of this.#entries.filter((entry) => entry.from === from && !entry.name)) {
      const author = one.element.querySelector(".author");
      if (author) author.textContent = name;
    }
  }

  #firstUnsent() {
    return this.#entries.find((one) => one.state !== "sent");
  }

  #insert(/** @type {Omit<Entry, "element">} */ values) {
    const entry = /** @type {Entry} */ ({ ...values, element: this.#draw(values) });
    const after = this.#entries.findIndex((one) => isLater(one, entry));
    const index = after < 0 ? this.#entries.length : after;
    this.#list.insertBefore(entry.element, this.#entries[index]?.element ?? null);
    this.#entries.splice(index, 0, entry);
    this.#decorate(index);
    this.#decorate(index + 1);
    if (this.#entries.length > MOST_ENTRIES) this.#remove(this.#entries[0]);
    return entry;
  }

  #remove(/** @type {Entry} */ entry) {
    const index = this.#entries.indexOf(entry);
    if (index < 0) return;
    this.#entries.splice(index, 1);
    entry.element.remove();
    this.#decorate(index);
  }

  #drawUnreadLine(/** @type {Entry} */ entry) {
    this.#unreadLine = node("li", "unread-line", "New messages");
    this.#unreadLine.setAttribute("role", "separator");
    entry.element.before(this.#unreadLine);
    entry.element.classList.remove("grouped");
  }

  #draw(/** @type {Omit<Entry, "element">} */ { from, name, text, time, kind, mine, state }) {
    const item = node("li", `message by-${kind} ${mine ? "mine" : "theirs"} ${state}`);
    const shown = kind === "service" ? "Service" : name || this.nameOf(from);
    const avatar = node("span", "avatar", kind === "service" ? "•" : initials(shown));
    avatar.setAttribute("aria-hidden", "true");
    avatar.style.setProperty("--hue", String(hue(from)));
    const head = node("p", "head");
    head.append(node("span", "author", mine ? "You" : shown), drawTime(time));
    const body = node("p", "body");
    for (const part of splitLinks(text)) body.append(part.href ? drawLink(part.href) : part.text);
    const content = node("div", "content");
    content.append(head, body);
    item.append(avatar, content);
    return item;
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
    const hasLine = entry.element.previousElementSibling === this.#unreadLine && this.#unreadLine;
    entry.element.classList.toggle("grouped", Boolean(soon && !hasLine));
    if (newDay) entry.element.dataset.day = dayName(entry.time);
    else delete entry.element.dataset.day;
  }

  #handleScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PIXELS;
    this.#toEnd.hidden = this.#atEnd;
    if (this.#atEnd) this.#setUnseen(0);
  }

  #setUnseen(/** @type {number} */ count) {
    this.#unseen = count;
    this.#toEnd.hidden = this.#atEnd;
    this.#toEndText.textContent = count ? `${count} new` : "Newest";
  }
}

/** Unsent ones come last, in the order they were written. */
function isLater(/** @type {Entry} */ one, /** @type {Entry} */ than) {
  if (than.state !== "sent") return false;
  if (one.state !== "sent") return true;
  return Boolean(one.sequence && than.sequence && one.sequence > than.sequence);
}

/**
 * @param {string} tag @param {string} className @param {string} [text]
 * @returns {HTMLElement}
 */
export function node(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function drawTime(/** @type {number} */ time) {
  const element = /** @type {HTMLTimeElement} */ (node("time", "time", clock.format(time)));
  element.dateTime = new Date(time).toISOString();
  element.title = new Date(time).toLocaleString();
  return element;
}

function drawLink(/** @type {string} */ href) {
  const link = /** @type {HTMLAnchorElement} */ (node("a", "link", href));
  link.href = href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}

function dayOf(/** @type {number} */ time) {
  return new Date(time).toDateString();
}

function dayName(/** @type {number} */ time) {
  const today = new Date();
  if (dayOf(time) === today.toDateString()) return "Today";
  today.setDate(today.getDate() - 1);
  return dayOf(time) === today.toDateString() ? "Yesterday" : calendar.format(time);
}
