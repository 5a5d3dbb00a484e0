/**
 * One room or one member that one talks with: what is read, what is unread, what came last. No DOM,
 * no network.
 *
 * @import { Refusal, Target } from "./goim-requests.js"
 * @import { Stored } from "./chat-message.js"
 * @import { MessageList } from "./message-list.js"
 * @typedef {{read?: number, unread?: number, last?: number}} ReadState
 */

const MOST_KEPT = 100; // messages that came before it was opened

export class Conversation {
  /** The room's record, as `goim.rooms.list` or `get` tells it. @type {any} */
  record = null;
  /** Why one is not in the room. @type {Refusal | null} */
  out = null;
  /** Where its messages are shown, from the first time it is opened. @type {MessageList | null} */
  list = null;
  heard = false; // a room whose messages come
  loading = false; // a page of its history
  loaded = false; // the newest page of its history has come
  more = true; // there may be older messages than those that are shown
  draft = "";
  preview = /** @type {Stored | null} */ (null);
  kept = /** @type {Stored[]} */ ([]);
  read = 0;
  last = 0;
  #unread = 0; // as the server counted last
  #counted = false;
  #fresh = /** @type {number[]} */ ([]); // that came since, from others

  /** @param {"room" | "member"} kind @param {string | number} id a room's or a member's */
  constructor(kind, id) {
    this.kind = kind;
    this.id = id;
  }

  get key() {
    return `${this.kind}:${this.id}`;
  }

  /** @returns {Target} */
  get target() {
    return this.kind === "room" ? { room: String(this.id) } : { member: Number(this.id) };
  }

  get unread() {
    return this.#counted ? this.#unread + this.#fresh.length : 0;
  }

  /** A message has come, new or again. @param {Stored} message @param {boolean} mine */
  receive(message, mine) {
    const { sequence } = message;
    if (!this.preview || sequence >= this.preview.sequence) this.preview = message;
    if (!this.list) this.kept = [...this.kept, message].slice(-MOST_KEPT);
    if (mine) this.#readTo(sequence);
    else if (sequence > this.last && sequence > this.read) this.#fresh.push(sequence);
    this.last = Math.max(this.last, sequence);
  }

  /** What the server counted. @param {ReadState} state */
  count({ read = 0, unread = 0, last = 0 }) {
    this.#counted = true;
    this.read = Math.max(this.read, Number(read));
    this.last = Math.max(this.last, Number(last));
    this.#fresh = this.#fresh.filter((one) => one > Number(last) && one > this.read);
    this.#unread = this.read > Number(read) ? 0 : Number(unread);
  }

  /** The server has not counted: then what comes from now on is all there is, unless it does. */
  countAlone() {
    this.#counted = true;
  }

  /** All that has come is read. Returns how far, 0 where that is nothing new. */
  markRead() {
    if (this.last <= this.read && !this.unread) return 0;
    this.#readTo(this.last);
    return this.read;
  }

  #readTo(/** @type {number} */ sequence) {
    if (sequence < this.read) return;
    this.read = sequence;
    this.#unread = 0;
    this.#fresh = this.#fresh.filter((one) => one > sequence);
  }
}

/**
 * Those with the newest message first, then by name.
 *
 * @param {Iterable<Conversation>} conversations
 * @param {(one: Conversation) => string} nameOf
 */
export function inOrder(conversations, nameOf) {
  return [...conversations].sort(
    (a, b) => (b.preview?.time ?? 0) - (a.preview?.time ?? 0) || nameOf(a).localeCompare(nameOf(b)),
  );
}
