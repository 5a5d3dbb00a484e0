/** How one message, or one quiet line between messages, is drawn. */

import { splitLinks } from "./chat-message.js";
import { avatar, button, node, paintAvatar } from "./elements.js";

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

/**
 * @param {{from: number, text: string, time: number, kind: string, mine: boolean, state: string}} message
 * @param {string} author
 */
export function drawMessage({ from, text, time, kind, mine, state }, author) {
  const item = node("li", `message by-${kind} ${mine ? "mine" : "theirs"} ${state}`);
  const head = node("p", "head");
  const name = node("bdi", "author", mine ? "You" : author);
  head.append(name, drawTime(time));
  const body = node("p", "body");
  body.dir = "auto";
  for (const part of splitLinks(text)) body.append(part.href ? drawLink(part.href) : part.text);
  const content = node("div", "content");
  content.append(head, body);
  item.append(avatar(from, author), content);
  return item;
}

/** The author is known by another name now. @param {HTMLElement} item @param {number} from @param {string} author */
export function renameAuthor(item, from, author) {
  const name = item.querySelector(".author");
  if (!name || name.textContent === author) return;
  name.textContent = author;
  const picture = /** @type {HTMLElement | null} */ (item.querySelector(".avatar"));
  if (picture) paintAvatar(picture, from, author);
}

/** Say on a message that it was not sent. @param {HTMLElement} item @param {string} words @param {() => void} retry */
export function drawFailure(item, words, retry) {
  const note = node("p", "failure", `Not sent. ${words} `);
  note.setAttribute("role", "alert");
  const again = button("retry", "Try again", () => {
    note.remove();
    retry();
  });
  note.append(again);
  item.querySelector(".content")?.append(note);
}

/**
 * A quiet line, with members by their names.
 *
 * @param {(string | {mid: number})[]} parts @param {(mid: number) => string} nameOf
 */
export function drawNotice(parts, nameOf) {
  const item = node("li", "notice");
  for (const part of parts) {
    if (typeof part === "string") {
      item.append(part);
      continue;
    }
    const name = node("bdi", "notice-name", nameOf(part.mid));
    name.dataset.mid = String(part.mid);
    item.append(name);
  }
  return item;
}

/** Names in the quiet lines may be known by now. */
export function renameNotices(/** @type {HTMLElement} */ list, /** @type {(mid: number) => string} */ nameOf) {
  for (const name of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll(".notice-name"))) {
    name.textContent = nameOf(Number(name.dataset.mid));
  }
}

export function drawUnreadLine() {
  const line = node("li", "unread-line", "New messages");
  line.setAttribute("role", "separator");
  return line;
}

export function dayOf(/** @type {number} */ time) {
  return new Date(time).toDateString();
}

export function dayName(/** @type {number} */ time) {
  const today = new Date();
  if (dayOf(time) === today.toDateString()) return "Today";
  today.setDate(today.getDate() - 1);
  return dayOf(time) === today.toDateString() ? "Yesterday" : calendar.format(time);
}

function drawTime(/** @type {number} */ time) {
  const element = /** @type {HTMLTimeElement} */ (node("time", "time", clock.format(time)));
  element.dateTime = new Date(time).toISOString();
  element.title = new Date(time).toLocaleString();
  return element;
}

function drawLink(/** @type {string} */ href) {
  const link = /** @type {HTMLAnchorElement} */ (node("a", "link", href));
  link.href = href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  return link;
}
