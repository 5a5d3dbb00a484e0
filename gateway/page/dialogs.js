/**
 * The dialogs about rooms: open one, find one, invite, settings; and whom to write to.
 *
 * @import { Conversation } from "./conversation.js"
 * @import { Messenger } from "./messenger.js"
 */

import { ApiError } from "./api.js";
import { button, find, node, onSubmit, valueOf } from "./elements.js";
import { isMember, newRoomId, readRoom, roomId, roomTitle } from "./room-record.js";
import { counted } from "./words.js";

const MOST_FOUND = 50;

export class Dialogs {
  #messenger;
  #show;

  /**
   * @param {() => Messenger} messenger
   * @param {(one: Conversation) => void} show
   */
  constructor(messenger, show) {
    this.#messenger = messenger;
    this.#show = show;
    for (const one of document.querySelectorAll("[data-close]")) {
      one.addEventListener("click", () => one.closest("dialog")?.close());
    }
    for (const one of document.querySelectorAll("dialog")) {
      one.addEventListener("click", (event) => event.target === one && one.close());
    }
    find("new-room-open").addEventListener("click", () => open("new-room"));
    find("find-open").addEventListener("click", () => this.#openFind());
    find("new-message-open").addEventListener("click", () => open("new-message"));
    find("invite-open").addEventListener("click", () => open("invite"));
    find("settings-open").addEventListener("click", () => this.#openSettings());
    onSubmit(find("new-room-form"), () => this.#openRoom());
    onSubmit(find("find-room-form"), () => this.#find());
    onSubmit(find("new-message-form"), () => this.#write());
    onSubmit(find("invite-form"), () => this.#invite());
    onSubmit(find("settings-form"), () => this.#save());
  }

  async #openRoom() {
    const messenger = this.#messenger();
    const name = valueOf("new-room-name");
    const access = find("new-room-access").value;
    const senders = find("new-room-senders").value;
    const room = messenger.get("room", newRoomId(name));
    try {
      await messenger.rooms("open", room, { name, access, senders });
    } catch (error) {
      messenger.conversations.delete(room.key);
      throw error;
    }
    find("new-room").close();
    messenger.enter(room);
    this.#show(room);
  }

  #openFind() {
    open("find-room");
    this.#find().catch(() => {}); // its words come when one asks
  }

  async #find() {
    const text = valueOf("find-room-text");
    const { rooms = [] } = await this.#messenger().calls.rooms("search", { text, limit: MOST_FOUND });
    const found = rooms.map((/** @type {any} */ one) => readRoom(one, false));
    const open = found.filter((/** @type {any} */ one) => one.access !== "closed");
    find("found-rooms").replaceChildren(...open.map((/** @type {any} */ one) => this.#drawFound(one)));
    find("found-note").replaceChildren(open.length ? "" : "No room like that is known.");
    const id = roomId(text);
    if (text && !open.some((/** @type {any} */ one) => one.room === id)) {
      find("found-note").append(" ", button("plain", `Enter “${roomTitle(id)}” by its name`, () => this.#go(id)));
    }
  }

  #drawFound(/** @type {import("./room-record.js").Room} */ room) {
    const item = node("li", "found-room");
    const words = node("span", "found-words");
    const about = [counted(room.count, "member"), room.description].filter(Boolean).join(" · ");
    words.append(node("bdi", "found-name", roomTitle(room.room, room)), node("bdi", "found-about", about));
    const isIn = isMember(room.role);
    const act = isIn ? () => this.#go(room.room) : () => this.#join(room.room);
    const join = button("secondary small", isIn ? "Show" : "Join", act);
    join.setAttribute("aria-label", `${isIn ? "Show" : "Join"} ${roomTitle(room.room, room)}`);
    item.append(words, join);
    return item;
  }

  async #join(/** @type {string} */ id) {
    const messenger = this.#messenger();
    const room = messenger.get("room", id);
    try {
      await messenger.rooms("join", room);
      this.#go(id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      find("found-note").textContent = error.message;
    }
  }

  /** Into a room, with or without a record. */
  #go(/** @type {string} */ id) {
    find("find-room").close();
    this.#show(this.#messenger().visit(id));
  }

  async #write() {
    const mid = await this.#who("new-message-name");
    find("new-message").close();
    this.#show(this.#messenger().get("member", mid));
  }

  async #invite() {
    const messenger = this.#messenger();
    const room = messenger.current;
    const mid = await this.#who("invite-name");
    if (room) await messenger.rooms("invite", room, { mid: String(mid) });
    messenger.announceInvitation(mid);
    find("invite").close();
  }

  /** The member that a field names. @throws {ApiError} */
  async #who(/** @type {string} */ field) {
    const mid = await this.#messenger().names.find(valueOf(field));
    if (mid) return mid;
    throw new ApiError({ code: 404, message: `Nobody is called ${valueOf(field)}` });
  }

  #openSettings() {
    const record = this.#messenger().current?.record;
    if (!record) return;
    open("settings");
    find("settings-name").value = record.name;
    find("settings-description").value = record.description;
    find("settings-access").value = record.access;
    find("settings-senders").value = record.senders;
    const isOwner = record.role === "owner";
    find("settings-access-field").hidden = find("settings-senders-field").hidden = !isOwner;
  }

  async #save() {
    const messenger = this.#messenger();
    const room = messenger.current;
    if (!room?.record) return;
    const { record } = room;
    const [name, description] = [valueOf("settings-name"), valueOf("settings-description")];
    const [access, senders] = [find("settings-access").value, find("settings-senders").value];
    if (name !== record.name) await messenger.rooms("rename", room, { name });
    if (description !== record.description) await messenger.rooms("describe", room, { description });
    const isOpened = record.access === "closed" && access !== "closed";
    const isRuled = access !== record.access || senders !== record.senders;
    if (isOpened) await messenger.rooms("open", room, { name, description, access, senders });
    else if (isRuled && access === "closed") await messenger.rooms("close", room);
    else if (isRuled) await messenger.rooms("regulate", room, { access, senders });
    find("settings").close();
    if (isOpened) messenger.enter(room);
  }
}

function open(/** @type {string} */ id) {
  const dialog = find(id);
  dialog.querySelector("form").reset();
  const problem = dialog.querySelector(".problem");
  problem.hidden = true;
  find("found-rooms").replaceChildren();
  find("found-note").textContent = "";
  dialog.showModal();
}
