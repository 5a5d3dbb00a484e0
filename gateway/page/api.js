/** Calls of the API, `POST /api/v1/<service>/<call>`. */

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
  const how = { method: "POST", headers, body: JSON.stringify(body), credentials: "omit" };
  let reply;
  let answer;
  try {
    reply = await fetch(`api/v1/${path}`, /** @type {RequestInit} */ (how));
    answer = await reply.json();
  } catch {
    const message = "the server can't be reached";
    throw new ApiError({ code: reply?.status, reason: "offline", message, retry: "later" });
  }
  if (reply.ok && !answer.error) return answer;
  throw new ApiError(answer.error ?? { code: reply.status, message: String(answer.message ?? "") });
}
