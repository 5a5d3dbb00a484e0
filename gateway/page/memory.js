/**
 * What the page remembers in this browser: who one is, and for each room the newest messages and
 * the last position, so that a reload shows at once what was there and then what was missed.
 *
 * @typedef {{sequence: number, from: number, name: string, text: string, time: number,
 *   kind: "chat" | "service"}} Stored
 */

const PROFILE = "goimbus.profile";
const ROOM = "goimbus.room.";
const TOKEN = "goimbus.token"; // for this tab only
const MOST_MESSAGES = 100; // a room
const MOST_ROOMS = 8;
const local = storage(() => localStorage);
const session = storage(() => sessionStorage);

/**
 * `name` is "" on the first visit; `positions` are those of the topics that are no room.
 *
 * @typedef {{mid: number, name: string, rooms: string[], positions: Object<string, number>}} Profile
 * @returns {Profile}
 */
export function loadProfile() {
  const kept = read(local, PROFILE);
  const rooms = Array.isArray(kept?.rooms) ? kept.rooms.filter(isText) : [];
  const mid = Number.isSafeInteger(kept?.mid) && kept.mid > 0 ? kept.mid : randomMid();
  return { mid, name: isText(kept?.name) ? kept.name : "", rooms, positions: kept?.positions ?? {} };
}

/** @param {Profile} profile */
export function saveProfile(profile) {
  for (const room of profile.rooms.splice(MOST_ROOMS)) local?.removeItem(ROOM + room);
  write(local, PROFILE, profile);
}

/**
 * `position` is the last sequence that came, null where there is none.
 *
 * @typedef {{messages: Stored[], position: number | null}} RoomMemory
 * @param {string} room @param {number} mid
 * @returns {RoomMemory}
 */
export function loadRoom(room, mid) {
  const kept = read(local, ROOM + room);
  const known = kept?.mid === mid && Array.isArray(kept.messages) && kept.position >= 0;
  return known ? kept : { messages: [], position: null };
}

/** @param {string} room @param {number} mid @param {RoomMemory} memory */
export function saveRoom(room, mid, { messages, position }) {
  write(local, ROOM + room, { mid, position, messages: messages.slice(-MOST_MESSAGES) });
}

/** @returns {string} */
export function loadToken() {
  return session?.getItem(TOKEN) ?? "";
}

/** @param {string} token `""` forgets it */
export function saveToken(token) {
  if (token) session?.setItem(TOKEN, token);
  else session?.removeItem(TOKEN);
}

function isText(/** @type {any} */ value) {
  return typeof value === "string";
}

function randomMid() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high % 2 ** 21) * 2 ** 32 + low || 1;
}

/** The browser may forbid storage: then the page remembers nothing. */
function storage(/** @type {() => Storage} */ open) {
  try {
    return open();
  } catch {
    return null;
  }
}

function read(/** @type {Storage | null} */ kept, /** @type {string} */ key) {
  try {
    return JSON.parse(kept?.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

function write(
  /** @type {Storage | null} */ kept,
  /** @type {string} */ key,
  /** @type {any} */ value,
) {
  try {
    kept?.setItem(key, JSON.stringify(value));
  } catch {
    kept?.removeItem(key); // its quota is full: a reload asks the server for the newest again
  }
}
