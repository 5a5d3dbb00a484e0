/** The calls of one member. @import { Session } from "./session.js" */

import { ApiError, call } from "./api.js";

const PAGE_ROOMS = 500;
const MOST_PRESENT = 300;

export class Calls {
  #session;

  constructor(/** @type {Session} */ session) {
    this.#session = session;
  }

  /** A call about rooms. @param {string} name such as "list" @param {object} fields @throws {ApiError} */
  rooms(name, fields) {
    return this.#ask(`rooms/${name}`, fields);
  }

  /**
   * Whether members are online, and when they were seen last.
   *
   * @param {number[]} mids
   * @returns {Promise<{mid: number, online: boolean, seenMs: number}[]>}
   * @throws {ApiError}
   */
  async presenceOf(mids) {
    if (!mids.length) return [];
    const { members = [] } = await this.#ask("presence/members", { mids: mids.map(String) });
    return members.map((/** @type {any} */ { mid, online = false, last_seen_ms = 0 }) => ({
      mid: Number(mid),
      online,
      seenMs: Number(last_seen_ms),
    }));
  }

  /** Who is in a room now. @param {string} room @returns {Promise<number[]>} @throws {ApiError} */
  async presentIn(room) {
    const { sessions = [] } = await this.#ask("presence/who", { room, limit: MOST_PRESENT });
    return [...new Set(sessions.map((/** @type {any} */ { mid = 0 }) => Number(mid)))];
  }

  /** All rooms that one is in or invited to. @returns {Promise<any[]>} @throws {ApiError} */
  async myRooms() {
    const all = [];
    for (let after = ""; ; after = all.at(-1).room) {
      const { rooms = [], more = false } = await this.rooms("list", { after, limit: PAGE_ROOMS });
      all.push(...rooms);
      if (!more || !rooms.length) return all;
    }
  }

  /**
   * Members by their mids or names; guests know nobody.
   *
   * @param {{mids?: number[], names?: string[]}} asked
   * @returns {Promise<{mid: number, name: string}[]>}
   * @throws {ApiError}
   */
  async names(asked) {
    if (!this.#session.isAccount) return [];
    const { members = [] } = await this.#ask("accounts/names", asked);
    return members.map((/** @type {any} */ one) => ({ mid: Number(one.mid), name: one.name }));
  }

  /** With a new token where the old one was refused. @returns {Promise<any>} */
  async #ask(/** @type {string} */ path, /** @type {object} */ fields) {
    const bearer = await this.#session.bearer();
    try {
      return await call(path, fields, bearer);
    } catch (error) {
      const refused = error instanceof ApiError && error.reason === "token_refused";
      const token = refused && (await this.#session.tokenAfter(bearer));
      if (!token) throw error;
      return call(path, fields, token);
    }
  }
}
