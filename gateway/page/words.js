/**
 * Sentences for people: refusals, room events, how long and how long ago. No DOM, no network.
 *
 * @import { Refusal } from "./goim-requests.js"
 */

const UNITS = /** @type {[number, string][]} */ ([
  [604_800, "week"],
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
]);
const calendar = new Intl.DateTimeFormat([], { day: "numeric", month: "long", year: "numeric" });
const MONTH_SECONDS = 30 * 86_400;

/** "10 minutes"; rounded up to one unit. @param {number} seconds */
export function duration(seconds) {
  const [size, unit] = UNITS.find(([one]) => seconds >= one) ?? UNITS[4];
  const count = Math.max(1, Math.round(seconds / size));
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** When somebody was there last. @param {number} seenMs 0: not known @param {number} nowMs */
export function lastSeen(seenMs, nowMs) {
  if (!seenMs) return "offline";
  const seconds = Math.max(0, (nowMs - seenMs) / 1000);
  if (seconds < 60) return "last seen just now";
  if (seconds > MONTH_SECONDS) return `last seen on ${calendar.format(seenMs)}`;
  return `last seen ${duration(seconds)} ago`;
}

/** A refusal as a sentence or two. @param {Partial<Refusal>} refusal */
export function refusalWords({ message = "", retry, after = 0 }) {
  const words = message.trim() || "the server refused that";
  const sentence = words[0].toLocaleUpperCase() + words.slice(1).replace(/[.!]$/u, "");
  if (retry !== "later" && retry !== "now") return `${sentence}.`;
  return after > 0 ? `${sentence}. Try again in ${duration(after)}.` : `${sentence}. Try again.`;
}

/**
 * What a room event says, with members as `{mid}` to be named where it is shown; [] for one that
 * nobody needs to read.
 *
 * @param {any} event as op 26 has it
 * @returns {(string | {mid: number})[]}
 */
export function eventParts(event) {
  const actor = Number(event.actor) ? { mid: Number(event.actor) } : "The service";
  const subject = { mid: Number(event.subject) };
  const why = event.reason ? `: ${event.reason}` : ".";
  const until = untilWords(Number(event.until) || 0, Number(event.time_ms) || 0);
  switch (event.event) {
    case "opened":
      return [actor, " opened the room."];
    case "closed":
      return [actor, " closed the room", why];
    case "renamed":
      return [actor, " gave the room another name."];
    case "described":
      return [actor, " changed the description."];
    case "regulated":
      return [actor, " changed who may enter and write."];
    case "invited":
      return [actor, " invited ", subject, "."];
    case "joined":
      return [subject.mid ? subject : actor, " joined."];
    case "declined":
      return [subject.mid ? subject : actor, " declined the invitation."];
    case "left":
      return [subject.mid ? subject : actor, " left."];
    case "kicked":
      return [actor, " put ", subject, " out", why];
    case "banned":
      return [actor, " banned ", subject, ` ${until}${why}`];
    case "unbanned":
      return [actor, " lifted the ban of ", subject, "."];
    case "muted":
      return [actor, " muted ", subject, ` ${until}${why}`];
    case "unmuted":
      return [actor, " lets ", subject, " write again."];
    case "promoted":
      return [actor, " made ", subject, " an admin."];
    case "demoted":
      return [subject, " is no admin any more."];
    case "handed_over":
      return [actor, " handed the room over to ", subject, "."];
    default:
      return [];
  }
}

/** "for 10 minutes", "for good". @param {number} until unix seconds @param {number} nowMs */
export function untilWords(until, nowMs) {
  return until ? `for ${duration(Math.max(1, until - nowMs / 1000))}` : "for good";
}

/** "3 members". @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
