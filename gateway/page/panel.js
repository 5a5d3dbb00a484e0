/**
 * Who is in the room: its members with their state, or where it has no list, who is there now.
 *
 * @import { Calls } from "./calls.js"
 * @import { Conversation } from "./conversation.js"
 * @typedef {{mid: number, role: string, online: boolean, seenMs: number, words: string}} Person
 */

import { ApiError } from "./api.js";
import { avatar, button, find, node } from "./elements.js";
import { isAdmin, roleOf } from "./room-record.js";
import { counted, lastSeen, untilWords } from "./words.js";

const SECONDS = 10; // between two looks at who is online
const MOST_ASKED = 300; // members
const MOST_SHOWN = 300;
const ROLES = /** @type {Object<string, string>} */ ({ owner: "owner", admin: "admin" });

export class Panel {
  #calls;
  #nameOf;
  #me;
  #picked;
  #changed;
  #room = /** @type {Conversation | null} */ (null);
  #presence = /** @type {Map<number, {online: boolean, seenMs: number}>} */ (new Map());
  #guests = /** @type {number[]} */ ([]); // there now, in a room without a list
  #timer = 0;
  #drawn = "";

  /**
   * @param {() => Calls} calls
   * @param {() => number} me
   * @param {(mid: number) => string} nameOf
   * @param {(mid: number) => void} picked @param {() => void} changed who is online
   */
  constructor(calls, me, nameOf, picked, changed) {
    this.#calls = calls;
    this.#me = me;
    this.#nameOf = nameOf;
    this.#picked = picked;
    this.#changed = changed;
    document.addEventListener("visibilitychange", () => this.#ask());
  }

  /** Show a room's or a member's people from now on. @param {Conversation | null} room */
  watch(room) {
    if (this.#room?.key !== room?.key) this.#guests = [];
    this.#room = room;
    this.draw();
    this.#ask();
  }

  /** What the header says of the room or member. */
  get words() {
    const room = this.#room;
    if (!room) return "";
    if (room.kind === "member") return this.#stateOf(Number(room.id));
    const online = this.#people().filter((one) => one.online).length;
    const members = room.record?.count ? `${counted(room.record.count, "member")} · ` : "";
    const kind = room.record?.senders === "admins" ? "Announcements · " : "";
    return `${kind}${members}${online} online`;
  }

  get count() {
    return this.#people().filter((one) => one.role !== "invited").length;
  }

  isOnline(/** @type {number} */ mid) {
    return this.#presence.get(mid)?.online ?? false;
  }

  /** When a member was there last, in words. */
  stateOf(/** @type {number} */ mid) {
    return this.#stateOf(mid);
  }

  /** Draw again, with the names and members known by now. */
  draw() {
    const room = this.#room;
    const people = room?.kind === "room" ? this.#people() : [];
    const banned = room?.record?.whole && isAdmin(room.record.role) ? room.record.banned : [];
    const shown = people.slice(0, MOST_SHOWN).map((one) => ({ ...one, name: this.#nameOf(one.mid) }));
    this.#askAboutNew(people);
    const described = JSON.stringify([shown, banned, this.#me(), people.length]);
    if (described === this.#drawn) return;
    this.#drawn = described;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.mid;
    const outside = banned.map((one) => ({
      mid: one.mid,
      role: "banned",
      online: false,
      seenMs: 0,
      words: `banned ${untilWords(one.until, Date.now())}${one.reason ? `: ${one.reason}` : ""}`,
      name: this.#nameOf(one.mid),
    }));
    find("people").replaceChildren(...[...shown, ...outside].map((one) => this.#drawPerson(one)));
    const more = people.length - shown.length;
    find("people-note").textContent = more > 0 ? `and ${more} more` : "";
    find("people-note").hidden = more <= 0;
    if (focused) find("people").querySelector(`[data-mid="${focused}"]`)?.focus();
  }

  /** @returns {Person[]} */
  #people() {
    const room = this.#room;
    if (!room || room.kind !== "room") return [];
    const { record } = room;
    if (room.out && !record?.whole) return [];
    const mids = record?.whole
      ? [...record.members, ...record.invited.filter((/** @type {number} */ one) => !record.members.includes(one))]
      : [...new Set([this.#me(), ...this.#guests])];
    const people = [...mids].map((/** @type {number} */ mid) => this.#person(mid, record));
    const rank = (/** @type {Person} */ one) => ["owner", "admin", "member", ""].indexOf(one.role) >>> 0;
    return people.sort(
      (/** @type {Person} */ a, /** @type {Person} */ b) =>
        Number(a.role === "invited") - Number(b.role === "invited") ||
        Number(b.online) - Number(a.online) ||
        rank(a) - rank(b) ||
        this.#nameOf(a.mid).localeCompare(this.#nameOf(b.mid)),
    );
  }

  /** @returns {Person} */
  #person(/** @type {number} */ mid, /** @type {any} */ record) {
    const role = record?.whole ? roleOf(record, mid) : "";
    const online = mid === this.#me() || this.isOnline(mid) || this.#guests.includes(mid);
    const { seenMs = 0 } = this.#presence.get(mid) ?? {};
    const muted = record?.muted.find((/** @type {any} */ one) => one.mid === mid);
    const state = online ? "online" : lastSeen(seenMs, Date.now());
    const words = [state, muted && `muted ${untilWords(muted.until, Date.now())}`].filter(Boolean).join(" · ");
    return { mid, role, online, seenMs, words: role === "invited" ? "invited" : words };
  }

  #stateOf(/** @type {number} */ mid) {
    if (mid === this.#me()) return "this is you";
    if (this.isOnline(mid)) return "online";
    return this.#presence.has(mid) ? lastSeen(this.#presence.get(mid)?.seenMs ?? 0, Date.now()) : "";
  }

  /** Of members who came since the last look nothing is known. */
  #askAboutNew(/** @type {Person[]} */ people) {
    const known = (/** @type {Person} */ one) => this.#presence.has(one.mid) || one.mid === this.#me();
    if (this.#room?.record?.whole && this.#timer && people.some((one) => one.role !== "invited" && !known(one))) this.#ask();
  }

  async #ask() {
    clearTimeout(this.#timer);
    this.#timer = 0; // none while it asks
    const room = this.#room;
    if (!room || document.hidden) return;
    try {
      if (room.kind === "room" && !room.record?.whole) await this.#askWhoIsIn(room);
      else await this.#askState(room);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    if (room !== this.#room) return;
    this.draw();
    this.#changed();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), SECONDS * 1000);
  }

  async #askWhoIsIn(/** @type {Conversation} */ room) {
    const present = await this.#calls().presentIn(String(room.id));
    if (room === this.#room) this.#guests = present;
  }

  async #askState(/** @type {Conversation} */ room) {
    const mids = room.kind === "member" ? [Number(room.id)] : room.record.members;
    const told = await this.#calls().presenceOf(mids.slice(0, MOST_ASKED));
    for (const { mid, ...state } of told) this.#presence.set(mid, state);
  }

  #drawPerson(/** @type {Person & {name: string}} */ { mid, role, online, words, name }) {
    const item = node("li", "");
    const row = button(`person ${online ? "is-online" : ""} ${role}`, "", () => this.#picked(mid));
    row.dataset.mid = String(mid);
    const picture = node("span", "picture");
    picture.append(avatar(mid, name), node("span", "dot"));
    const text = node("span", "person-words");
    const head = node("span", "person-head");
    head.append(node("bdi", "person-name", name));
    if (mid === this.#me()) head.append(node("span", "tag", "you"));
    const state = ROLES[role] ? `${ROLES[role]} · ${words}` : words;
    text.append(head, node("bdi", "person-state", state));
    row.append(picture, text);
    item.append(row);
    return item;
  }
}
