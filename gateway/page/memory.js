/**
 * What the page remembers in this browser: who a guest is, which rooms without a record one goes
 * to, and up to where pushes of services were shown.
 */

const PROFILE = "goimbus.profile";
const MOST_ROOMS = 20;

/** This browser's storage and this tab's; null where the browser forbids it: then nothing is kept. */
export const stores = { local: storage(() => localStorage), session: storage(() => sessionStorage) };

/**
 * `mid` and `name` are a guest's, "" on the first visit. By member: `rooms` are ids, the newest
 * first; `positions` those of the topics that are no room.
 *
 * @typedef {{mid: number, name: string, rooms: Object<string, string[]>,
 *   positions: Object<string, Object<string, number>>}} Profile
 * @returns {Profile}
 */
export function loadProfile() {
  const kept = read(stores.local, PROFILE);
  const mid = Number.isSafeInteger(kept?.mid) && kept.mid > 0 ? kept.mid : randomMid();
  const name = typeof kept?.name === "string" ? kept.name : "";
  return { mid, name, rooms: byMember(kept?.rooms), positions: byMember(kept?.positions) };
}

/** @param {Profile} profile */
export function saveProfile(profile) {
  for (const rooms of Object.values(profile.rooms)) rooms.splice(MOST_ROOMS);
  write(stores.local, PROFILE, profile);
}

/** @param {Storage | null} kept @param {string} key @returns {any} null where there is nothing */
export function read(kept, key) {
  try {
    return JSON.parse(kept?.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {Storage | null} kept @param {string} key @param {any} value null forgets it */
export function write(kept, key, value) {
  try {
    if (value === null) kept?.removeItem(key);
    else kept?.setItem(key, JSON.stringify(value));
  } catch {
    kept?.removeItem(key); // its quota is full
  }
}

function byMember(/** @type {any} */ kept) {
  return kept && typeof kept === "object" && !Array.isArray(kept) ? kept : {};
}

function randomMid() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high % 2 ** 21) * 2 ** 32 + low || 1;
}

function storage(/** @type {() => Storage} */ open) {
  try {
    return open();
  } catch {
    return null;
  }
}
