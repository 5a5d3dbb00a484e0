/**
 * What is in a chat message, and how people are called. No DOM, no network.
 *
 * @import { Message } from "./goim.js"
 * @typedef {{sequence: number, from: number, to: number, name: string, text: string, time: number,
 *   kind: "chat" | "service" | "typing" | "invited"}} Stored
 *   `to`: of a direct message, else 0. `typing` and `invited` are signals, never shown as messages.
 */

/** Messages and signals of this page. A connection accepts them where it names them. */
export const CHAT_OPERATION = 1000;
export const SIGNAL_OPERATION = 1001;

const MOST_NAME = 40;
const SEND_OPERATION = 4;
const FIRST_BUSINESS_OPERATION = 100;

/** The body of what this page sends. @param {string} name @param {string} text */
export function encodeChat(name, text) {
  return JSON.stringify({ name, text });
}

/**
 * Return a pushed message as the page shows it, null when it is nothing to show.
 *
 * What people send arrives stamped with sender and time (schemas/stamp.py); what a service
 * pushes arrives as it is.
 *
 * @param {Message} message @param {number} now unix milliseconds
 * @returns {Stored | null}
 */
export function readMessage(message, now) {
  const { operation, sequence } = message;
  if (operation !== SEND_OPERATION && operation < FIRST_BUSINESS_OPERATION) return null;
  const text = message.text();
  const stamp = readObject(text);
  const body = stamp?.body ?? stamp?.bytes;
  if (!Number.isInteger(stamp?.from) || !Number.isInteger(stamp.time) || typeof body !== "string") {
    if (operation === SIGNAL_OPERATION) return null;
    return { sequence, from: 0, to: 0, name: "", text, time: now, kind: "service" };
  }
  return readStamped({ ...stamp, sequence, operation }, body);
}

/**
 * Return one message of a history page as the page shows it, null when it is nothing to show.
 *
 * @param {any} one as op 31 has it
 * @returns {Stored | null}
 */
export function readHistory(one) {
  const body = one.body ?? one.bytes ?? "";
  if (Number(one.from)) return readStamped(one, body);
  const { sequence, time } = one;
  return { sequence, from: 0, to: 0, name: "", text: body, time, kind: "service" };
}

/** @returns {Stored | null} */
function readStamped(/** @type {any} */ stamp, /** @type {string} */ body) {
  const { sequence, from, to = 0, time, operation } = stamp;
  const chat = readObject(body);
  const name = typeof chat?.name === "string" ? chat.name.trim().slice(0, MOST_NAME) : "";
  if (operation === SIGNAL_OPERATION) {
    const kind = chat?.signal;
    const isKnown = kind === "typing" || kind === "invited";
    return isKnown ? { sequence, from, to, name, text: "", time, kind } : null;
  }
  const text = typeof chat?.text === "string" ? chat.text : null;
  return { sequence, from, to, name: text === null ? "" : name, text: text ?? body, time, kind: "chat" };
}

/** The body of a signal. @param {"typing" | "invited"} signal @param {string} name */
export function encodeSignal(signal, name) {
  return JSON.stringify({ name, signal });
}

/** How somebody without a known name is called. @param {number} mid */
export function guestName(mid) {
  return mid > 0 ? `guest ${String(mid).slice(-4)}` : "guest";
}

/** Up to two letters for an avatar. @param {string} name */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter((word) => word && !/^\d/u.test(word));
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join("") || "?";
}

/** A hue from 0 to 359, always the same for a member. @param {number} mid */
export function hue(mid) {
  let hash = 2166136261;
  for (const digit of String(mid)) hash = Math.imul(hash ^ digit.charCodeAt(0), 16777619);
  return (hash >>> 8) % 360;
}

/**
 * Split a text at its web addresses.
 *
 * @param {string} text
 * @returns {{text: string, href: string}[]} `href` is "" for what is no address
 */
export function splitLinks(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(/\bhttps?:\/\/[^\s<>"]+/gu)) {
    const address = found[0].replace(/[.,;:!?)\]}']+$/u, "");
    if (!URL.canParse?.(address)) continue;
    if (found.index > end) parts.push({ text: text.slice(end, found.index), href: "" });
    parts.push({ text: address, href: address });
    end = found.index + address.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), href: "" });
  return parts;
}

function readObject(/** @type {string} */ text) {
  try {
    const values = JSON.parse(text);
    return values && typeof values === "object" ? values : null;
  } catch {
    return null;
  }
}
