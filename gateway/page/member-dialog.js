/**
 * One member: who it is, and what one may do with it.
 *
 * @import { Conversation } from "./conversation.js"
 * @import { Messenger } from "./messenger.js"
 */

import { button, find, onSubmit, paintAvatar, problemWords, showProblem, valueOf } from "./elements.js";
import { isAdmin, roleOf } from "./room-record.js";

/** What takes a reason, and some also a time. */
const DEEDS = /** @type {Object<string, {title: string, act: string, lasts: boolean}>} */ ({
  mute: { title: "Keep from writing", act: "Mute", lasts: true },
  kick: { title: "Put out of the room", act: "Put out", lasts: false },
  ban: { title: "Put out and keep out", act: "Ban", lasts: true },
});

export class MemberDialog {
  #messenger;
  #me;
  #write;
  #room = /** @type {Conversation | null} */ (null);
  #mid = 0;
  #deed = "";

  /**
   * @param {() => Messenger} messenger @param {() => number} me
   * @param {(mid: number) => void} write to that member
   */
  constructor(messenger, me, write) {
    this.#messenger = messenger;
    this.#me = me;
    this.#write = write;
    onSubmit(find("member-form"), () => this.#submit());
  }

  /** @param {Conversation} room @param {number} mid @param {string} words its state */
  open(room, mid, words) {
    this.#room = room;
    this.#mid = mid;
    const name = this.#messenger().names.of(mid);
    find("member-name").textContent = name;
    paintAvatar(find("member-avatar"), mid, name);
    const role = room.record?.whole ? roleOf(room.record, mid) : "";
    find("member-words").textContent = [role, words].filter(Boolean).join(" · ");
    showProblem(find("member-form").querySelector(".problem"), "");
    find("member-deed").hidden = true;
    this.#deed = "";
    find("member-actions").replaceChildren(...this.#actions(role));
    find("member").showModal();
  }

  #actions(/** @type {string} */ role) {
    const { record } = /** @type {Conversation} */ (this.#room);
    const mid = this.#mid;
    if (mid === this.#me()) return [];
    const buttons = [button("secondary", "Write a message", () => this.#writeTo(mid))];
    if (!record?.whole || !isAdmin(record.role)) return buttons;
    const isOwner = record.role === "owner";
    const isBanned = record.banned.some((/** @type {any} */ one) => one.mid === mid);
    const isMuted = record.muted.some((/** @type {any} */ one) => one.mid === mid);
    const mayRule = role !== "owner" && (role !== "admin" || isOwner);
    const add = (/** @type {string} */ text, /** @type {string} */ call) =>
      buttons.push(button("secondary", text, () => this.#act(call)));
    const ask = (/** @type {string} */ text, /** @type {string} */ deed) =>
      buttons.push(button("secondary danger", text, () => this.#prepare(deed)));
    if (isBanned) add("Lift the ban", "unban");
    if (isMuted) add("Let write again", "unmute");
    if (isOwner && role === "member") add("Make an admin", "promote");
    if (isOwner && role === "admin") add("No admin any more", "demote");
    if (isOwner && ["member", "admin"].includes(role)) add("Hand the room over", "hand_over");
    if (mayRule && !isMuted && !isBanned && role !== "invited") ask("Mute …", "mute");
    if (mayRule && ["member", "admin"].includes(role)) ask("Put out …", "kick");
    if (mayRule && !isBanned) ask("Ban …", "ban");
    return buttons;
  }

  #writeTo(/** @type {number} */ mid) {
    find("member").close();
    this.#write(mid);
  }

  #prepare(/** @type {string} */ deed) {
    this.#deed = deed;
    const { title, act, lasts } = DEEDS[deed];
    find("member-deed-title").textContent = title;
    find("member-seconds-field").hidden = !lasts;
    find("member-reason").value = "";
    find("member-do").textContent = act;
    find("member-deed").hidden = false;
    find(lasts ? "member-seconds" : "member-reason").focus();
  }

  async #submit() {
    if (!this.#deed) return;
    const { lasts } = DEEDS[this.#deed];
    const reason = valueOf("member-reason");
    const more = lasts ? { reason, seconds: Number(find("member-seconds").value) } : { reason };
    await this.#call(this.#deed, more);
  }

  async #act(/** @type {string} */ name) {
    try {
      await this.#call(name, {});
    } catch (error) {
      showProblem(find("member-form").querySelector(".problem"), problemWords(error));
    }
  }

  async #call(/** @type {string} */ name, /** @type {object} */ more) {
    const room = /** @type {Conversation} */ (this.#room);
    await this.#messenger().rooms(name, room, { mid: String(this.#mid), ...more });
    find("member").close();
  }
}
