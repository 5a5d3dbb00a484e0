/** Calls of the management API, `POST /api/v1/<service>/<call>`, and presence. */

/** The server said no, or could not be reached (`reason` "offline"). */
export class ApiError extends Error {
  /**
   * @param {{code?: number, reason?: string, message?: string, retry?: string, after?: number}}
   *   error
   */
  constructor({ code = 0, reason = "", message = "", retry = "", after = 0 }) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.retry = retry;
    this.after = Number(after);
  }
}

/**
 * @param {string} path such as "rooms/list" @param {object} body
 * @param {string} [bearer] an access token, or where the server is open goim's auth JSON
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function call(path, body, bearer = "") {
  const headers = { "Content-Type": "application/json" };
  if (bearer) Object.assign(headers, { Authorization: `Bearer ${bearer}` });
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/**
 * Whether members are online, and when they were seen last.
 *
 * @param {number[]} mids
 * @returns {Promise<{mid: number, online: boolean, last_seen_ms: number, devices: any[]}[]>}
 * @throws {ApiError}
 */
export async function presenceOf(mids) {
  if (!mids.length) return [];
  const { members = [] } = await ask(`presence/members?mids=${mids.join(",")}`, {});
  return members;
}

/**
 * Who is in a room now.
 *
 * @param {string} room @param {number} limit
 * @returns {Promise<{found: number, sessions: {mid: number}[]}>}
 * @throws {ApiError}
 */
export function presenceIn(room, limit) {
  return ask(`presence/room?${new URLSearchParams({ room, limit: String(limit) })}`, {});
}

async function ask(/** @type {string} */ path, /** @type {RequestInit} */ how) {
  let reply;
  let answer;
  try {
    reply = await fetch(`api/v1/${path}`, { ...how, credentials: "omit", cache: "no-store" });
    answer = await reply.json();
  } catch {
    const message = "the server can't be reached";
    throw new ApiError({ code: reply?.status, reason: "offline", message, retry: "later" });
  }
  if (reply.ok && !answer.error) return answer;
  throw new ApiError(answer.error ?? { code: reply.status, message: String(answer.message ?? "") });
}
