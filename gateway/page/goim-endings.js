/**
 * How a connection ended, and when to come back. No I/O.
 *
 * @typedef {"never" | "token" | "now" | "later"} Retry
 * @typedef {{code: number, message: string, retry: Retry, after: number}} Ending
 */

/** Close codes after which it is not "later". docs/protocol.md has them all. */
const RETRY = new Map(
  /** @type {[number, Retry][]} */ ([
    ...[1000, 1002, 1003, 1007, 1009, 4000, 4001, 4005, 4006, 4011].map((code) => [code, "never"]),
    ...[1001, 4004, 4010, 4012].map((code) => [code, "now"]),
    [4002, "token"],
  ]),
);

/**
 * Return how a connection ended: what its op 29 notice said, else what its close code means.
 *
 * @param {number} code @param {string} reason @param {any} [notice] op 29's
 * @returns {Ending}
 */
export function readEnding(code, reason, notice = null) {
  const number = Number.isInteger(notice?.code) ? notice.code : code;
  const known = ["never", "token", "now", "later"].includes(notice?.retry);
  return {
    code: number,
    message: String(notice?.message || reason || "the connection was lost"),
    retry: known ? notice.retry : RETRY.get(number) ?? "later",
    after: notice?.after > 0 ? Math.min(notice.after, 3600) : 0,
  };
}

/**
 * Return the seconds to wait: a told delay and up to half of it more, else any part of a delay
 * that doubles from 0.5 s to 30 s (full jitter).
 *
 * @param {number} attempt from 0 @param {number} after @param {number} random 0 to 1
 */
export function delaySeconds(attempt, after, random) {
  if (after > 0) return after + random * Math.max(0.5, after / 2);
  return random * Math.min(30, 0.5 * 2 ** Math.min(attempt, 16));
}
