/** The side with rooms, invitations and direct messages. @import { Conversation } from "./conversation.js" */

import { avatar, button, find, node } from "./elements.js";
import { inOrder } from "./conversation.js";
import { roomTitle } from "./room-record.js";

const MOST_SHOWN = 99;
const SVG = "http://www.w3.org/2000/svg";
const LOCK = "M6 11h12v9H6zM9 11V7.500a3 3 0 016 0V11";
const HORN = "M4 10v4h3l8 4V6L7 10zM18.500 9a4.500 4.500 0 010 6";

export class SideList {
  #handlers;
  #drawn = "";

  /**
   * @param {{nameOf: (one: Conversation) => string, hrefOf: (one: Conversation) => string,
   *   answer: (one: Conversation, call: "join" | "leave") => void}} handlers
   */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** @param {Iterable<Conversation>} conversations @param {Conversation | null} current */
  draw(conversations, current) {
    const all = inOrder(conversations, this.#handlers.nameOf);
    const rooms = all.filter((one) => one.kind === "room");
    const invited = rooms.filter((one) => one.record?.role === "invited");
    const mine = rooms.filter((one) => !invited.includes(one));
    const peers = all.filter((one) => one.kind === "member");
    const described = JSON.stringify([
      invited.map((one) => [one.key, this.#handlers.nameOf(one)]),
      [...mine, ...peers].map((one) => this.#describe(one, one === current)),
    ]);
    if (described === this.#drawn) return; // the focus stays where it is
    this.#drawn = described;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.key;
    find("invitations-section").hidden = !invited.length;
    find("invitations").replaceChildren(...invited.map((one) => this.#drawInvitation(one)));
    find("rooms").replaceChildren(...mine.map((one) => this.#drawLink(one, one === current)));
    find("peers").replaceChildren(...peers.map((one) => this.#drawLink(one, one === current)));
    find("rooms-empty").hidden = mine.length > 0;
    find("peers-empty").hidden = peers.length > 0;
    if (focused) find("side").querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #describe(/** @type {Conversation} */ one, /** @type {boolean} */ isCurrent) {
    const { key, unread, out, preview, record } = one;
    return [key, this.#handlers.nameOf(one), unread, isCurrent, Boolean(out), preview?.text, record?.access, record?.senders];
  }

  #drawLink(/** @type {Conversation} */ one, /** @type {boolean} */ isCurrent) {
    const name = this.#handlers.nameOf(one);
    const link = /** @type {HTMLAnchorElement} */ (node("a", "link-row"));
    link.href = this.#handlers.hrefOf(one);
    link.dataset.key = one.key;
    link.classList.toggle("has-unread", one.unread > 0);
    link.classList.toggle("is-out", Boolean(one.out));
    if (isCurrent) link.setAttribute("aria-current", "page");
    const words = node("span", "link-words");
    words.append(node("bdi", "link-name", name), node("bdi", "link-preview", one.preview?.text ?? hint(one)));
    link.append(one.kind === "member" ? avatar(Number(one.id), name) : roomPicture(one), words);
    if (one.unread) {
      const badge = node("span", "badge", one.unread > MOST_SHOWN ? `${MOST_SHOWN}+` : String(one.unread));
      badge.append(node("span", "visually-hidden", " unread"));
      link.append(badge);
    }
    const item = node("li", "");
    item.append(link);
    return item;
  }

  #drawInvitation(/** @type {Conversation} */ one) {
    const item = node("li", "invitation");
    const name = this.#handlers.nameOf(one);
    const actions = node("div", "invitation-actions");
    const accept = button("primary small", "Accept", () => this.#handlers.answer(one, "join"));
    const decline = button("secondary small", "Decline", () => this.#handlers.answer(one, "leave"));
    accept.setAttribute("aria-label", `Accept the invitation to ${name}`);
    decline.setAttribute("aria-label", `Decline the invitation to ${name}`);
    actions.append(accept, decline);
    item.append(node("bdi", "invitation-name", name), actions);
    return item;
  }
}

function hint(/** @type {Conversation} */ { out, record }) {
  if (out) return "You are not in it";
  if (record?.access === "closed") return "Closed";
  return record?.senders === "admins" ? "Announcements" : "";
}

function roomPicture(/** @type {Conversation} */ { record }) {
  const picture = node("span", "avatar room-picture", "#");
  picture.setAttribute("aria-hidden", "true");
  const shape = record?.senders === "admins" ? HORN : record?.access === "invitation" ? LOCK : "";
  if (!shape) return picture;
  const image = document.createElementNS(SVG, "svg");
  image.setAttribute("viewBox", "0 0 24 24");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", shape);
  image.append(path);
  picture.replaceChildren(image);
  return picture;
}

/** @param {Conversation} one @param {(mid: number) => string} nameOf */
export function titleOf(one, nameOf) {
  return one.kind === "room" ? roomTitle(String(one.id), one.record) : nameOf(Number(one.id));
}
