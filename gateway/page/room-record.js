/**
 * What a room is, as far as this member may know, and what its events make of it. No DOM, no
 * network.
 *
 * @typedef {{mid: number, until: number, reason: string}} Restriction
 * @typedef {{room: string, name: string, description: string, access: string, senders: string,
 *   owner: number, count: number, revision: number, role: string, whole: boolean,
 *   admins: number[], members: number[], invited: number[], banned: Restriction[],
 *   muted: Restriction[]}} Room
 *   `whole`: its members are known, not only their number
 */

const CHAT_PREFIX = "chat://";

/** @param {any} told as the calls tell it @param {boolean} inFull by `get`, not by a list @returns {Room} */
export function readRoom(told, inFull) {
  return {
    room: told.room,
    name: told.name ?? "",
    description: told.description ?? "",
    access: told.access ?? "public",
    senders: told.senders ?? "members",
    owner: Number(told.owner ?? 0),
    count: told.member_count ?? 0,
    revision: Number(told.revision ?? 0),
    role: told.role ?? "",
    whole: inFull && isMember(told.role ?? ""),
    admins: numbers(told.admins),
    members: numbers(told.members),
    invited: numbers(told.invited),
    banned: restrictions(told.banned),
    muted: restrictions(told.muted),
  };
}

/** @param {string} id @param {Room | null} [record] */
export function roomTitle(id, record) {
  return record?.name || (id.startsWith(CHAT_PREFIX) ? id.slice(CHAT_PREFIX.length) : id);
}

/** The id of what people write, "" for nothing. @param {string} text */
export function roomId(text) {
  const name = text.trim();
  return !name || name.includes("://") ? name : CHAT_PREFIX + name;
}

/** An id for a new room: like its name, and nobody else's. @param {string} name */
export function newRoomId(name, random = crypto.getRandomValues(new Uint32Array(1))[0]) {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const slug = plain.replace(/[^a-z0-9]+/gu, "-").slice(0, 24);
  const tail = (random % 36 ** 4).toString(36).padStart(4, "0");
  return CHAT_PREFIX + [slug.replace(/^-+|-+$/gu, ""), tail].filter(Boolean).join("-");
}

/** @param {Room} room @param {number} mid */
export function roleOf(room, mid) {
  if (mid === room.owner) return "owner";
  if (room.admins.includes(mid)) return "admin";
  if (room.members.includes(mid)) return "member";
  return room.invited.includes(mid) ? "invited" : "";
}

/** Tell whether one with this role is in the room's list. @param {string} role */
export function isMember(role) {
  return isAdmin(role) || role === "member";
}

/** Tell whether a member with this role looks after the others. @param {string} role */
export function isAdmin(role) {
  return role === "owner" || role === "admin";
}

/**
 * Return the room after an event; null where only the server can tell. Of a room whose members are
 * not known nothing changes: it is asked for when it is looked at.
 *
 * @param {Room} room @param {any} event as op 26 has it @param {number} me
 * @returns {Room | null}
 */
export function applyEvent(room, event, me) {
  const revision = Number(event.revision);
  if (revision <= room.revision) return room;
  if (!room.whole) return room;
  const subject = Number(event.subject) || Number(event.actor);
  const changed = change(room, { ...event, subject });
  if (!changed) return null;
  const next = { ...room, ...changed, revision };
  return { ...next, count: next.members.length, role: roleOf(next, me) };
}

/** @returns {Partial<Room> | null} */
function change(/** @type {Room} */ room, /** @type {any} */ event) {
  const { subject, until = 0, reason = "" } = event;
  const restriction = { mid: subject, until: Number(until), reason };
  const out = {
    members: room.members.filter((one) => one !== subject),
    admins: room.admins.filter((one) => one !== subject),
    invited: room.invited.filter((one) => one !== subject),
  };
  const others = (/** @type {Restriction[]} */ list) => list.filter((one) => one.mid !== subject);
  switch (event.event) {
    case "invited":
      return { invited: [...out.invited, subject] };
    case "joined":
      return { members: [...out.members, subject], invited: out.invited };
    case "declined":
    case "left":
    case "kicked":
      return out;
    case "banned":
      return { ...out, banned: [...others(room.banned), restriction] };
    case "unbanned":
      return { banned: others(room.banned) };
    case "muted":
      return { muted: [...others(room.muted), restriction] };
    case "unmuted":
      return { muted: others(room.muted) };
    case "promoted":
      return { admins: [...out.admins, subject] };
    case "demoted":
      return { admins: out.admins };
    default:
      return null;
  }
}

function numbers(/** @type {any[]} */ values = []) {
  return values.map(Number);
}

/** @returns {Restriction[]} */
function restrictions(/** @type {any[]} */ values = []) {
  return values.map(({ mid, until = 0, reason = "" }) => ({
    mid: Number(mid),
    until: Number(until),
    reason,
  }));
}
