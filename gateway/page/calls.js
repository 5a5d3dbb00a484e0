/** The calls of one member. @import { Session } from "./session.js" */

import { ApiError, call } from "./api.js";

const PAGE_ROOMS = 500;

export class Calls {
  #session;

  constructor(/** @type {Session} */ session) {
    this.#session = session;
  }

  /**
   * A call about rooms; with a new token where the old one was refused.
   *
   * @param {string} name such as "list" @param {object} fields
   * @returns {Promise<any>}
   * @throws {ApiError}
   */
  async rooms(name, fields) {
    const path = `rooms/${name}`;
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
    const { members = [] } = await call("accounts/names", asked, await this.#session.bearer());
    return members.map((/** @type {any} */ one) => ({ mid: Number(one.mid), name: one.name }));
  }
}
