/**
 * What is unread, as the server counts it for all connections of the member.
 *
 * @import { Conversation } from "./conversation.js"
 * @import { GoimClient } from "./goim.js"
 */

import { SendError } from "./goim.js";
import { loadNewest } from "./history.js";

const GATHER_MS = 50; // rooms are joined one after the other
const MOST_ASKED = 10; // rooms of one request: a room id has up to 259 bytes
const MOST_PREVIEWS = 20; // of members, asked for at the login

export class Unread {
  #known;
  #get;
  #changed;
  #client = /** @type {GoimClient | null} */ (null);
  #rooms = /** @type {Set<string>} */ (new Set());
  #timer = 0;

  /**
   * @param {Map<string, Conversation>} known by key
   * @param {(kind: "member", id: number) => Conversation} get
   * @param {(changed: Conversation | null) => void} changed
   */
  constructor(known, get, changed) {
    this.#known = known;
    this.#get = get;
    this.#changed = changed;
  }

  /** The client is online: ask about the members one talks with. @param {GoimClient} client */
  async begin(client) {
    this.#client = client;
    const told = await this.#ask({});
    for (const mid of Object.keys(told?.members ?? {}).slice(0, MOST_PREVIEWS)) {
      const one = this.#get("member", Number(mid));
      if (client !== this.#client) return;
      if (one.preview || one.loaded) continue;
      one.preview ??= await loadNewest(client, one);
      this.#changed(one);
    }
  }

  end() {
    this.#client = null;
    this.#rooms.clear();
  }

  /** A room is heard now. @param {string} room */
  askAbout(room) {
    this.#rooms.add(room);
    this.#timer ||= setTimeout(() => this.#askAboutRooms(), GATHER_MS);
  }

  /** All that has come is read; the member's other connections hear of it. */
  markRead(/** @type {Conversation} */ one) {
    const sequence = one.markRead();
    if (!sequence) return;
    const positions = { [String(one.id)]: sequence };
    this.#ask(one.kind === "room" ? { rooms: positions } : { members: positions });
    this.#changed(one);
  }

  /** What the server counted. @param {{rooms?: any, members?: any}} told */
  count({ rooms = {}, members = {} }) {
    for (const [id, state] of Object.entries(rooms)) this.#known.get(`room:${id}`)?.count(state);
    for (const [mid, state] of Object.entries(members)) this.#get("member", Number(mid)).count(state);
    this.#changed(null);
  }

  async #askAboutRooms() {
    this.#timer = 0;
    const rooms = [...this.#rooms];
    this.#rooms.clear();
    while (rooms.length) {
      const some = rooms.splice(0, MOST_ASKED);
      const told = await this.#ask({ rooms: Object.fromEntries(some.map((room) => [room, 0])) });
      if (!told) for (const room of some) this.#known.get(`room:${room}`)?.countAlone();
    }
  }

  async #ask(/** @type {object} */ which) {
    try {
      const told = await this.#client?.read(which);
      if (told) this.count(told);
      return told ?? null;
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      return null; // it counts by itself until the next login
    }
  }
}
