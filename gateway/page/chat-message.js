/**
 * What is in a chat message, and how people are called. No DOM, no network.
 *
 * @import { Message } from "./goim.js"
 * @import { Stored } from "./memory.js"
 */

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
    return { sequence, from: 0, name: "", text, time: now, kind: "service" };
  }
  const chat = readObject(body);
  const isChat = typeof chat?.text === "string";
  return {
    sequence,
    from: stamp.from,
    name: isChat && typeof chat.name === "string" ? chat.name.trim().slice(0, MOST_NAME) : "",
    text: isChat ? chat.text : body,
    time: stamp.time,
    kind: "chat",
  };
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
