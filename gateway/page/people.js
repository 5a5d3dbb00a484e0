/** Who is in the room, asked of the gateway from time to time while somebody looks. */

import { hue, initials } from "./chat-message.js";
import { node } from "./message-list.js";

const SECONDS = 10;
const MOST_SHOWN = 60;

export class People {
  #list;
  #note;
  #nameOf;
  #room = "";
  #me = { mid: 0, name: "" };
  #sessions = /** @type {{mid: number}[]} */ ([]);
  #timer = 0;
  #asking = /** @type {AbortController | null} */ (null);

  /**
   * @param {{list: HTMLElement, note: HTMLElement}} elements
   * @param {(mid: number) => string} nameOf
   */
  constructor({ list, note }, nameOf) {
    this.#list = list;
    this.#note = note;
    this.#nameOf = nameOf;
    document.addEventListener("visibilitychange", () => this.refresh());
  }

  /** Show this room's people from now on. */
  watch(/** @type {string} */ room, /** @type {{mid: number, name: string}} */ me) {
    this.#room = room;
    this.#me = me;
    this.#sessions = [];
    this.draw();
    this.refresh();
  }

  stop() {
    this.#room = "";
    clearTimeout(this.#timer);
    this.#asking?.abort();
  }

  /** Ask now. */
  async refresh() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    if (!this.#room || document.hidden) return;
    const asking = (this.#asking = new AbortController());
    try {
      const query = new URLSearchParams({ room: this.#room, limit: "500" });
      const reply = await fetch(`api/v1/presence/room?${query}`, { signal: asking.signal });
      if (reply.ok) {
        this.#sessions = (await reply.json()).sessions ?? [];
        this.draw();
      } else if (reply.status === 401 || reply.status === 403) {
        this.#tell("Who they are is told to those with a key only.");
        return;
      }
    } catch {
      if (asking.signal.aborted) return; // a newer question took its place
    }
    this.#timer = setTimeout(() => this.refresh(), SECONDS * 1000);
  }

  /** Draw again, with the names known by now. */
  draw() {
    const count = new Map([[this.#me.mid, 0]]);
    for (const { mid } of this.#sessions) count.set(mid, (count.get(mid) ?? 0) + 1);
    const people = [...count].map(([mid, devices]) => ({ mid, devices, ...this.#called(mid) }));
    people.sort((a, b) => Number(b.mine) - Number(a.mine) || a.name.localeCompare(b.name));
    this.#list.replaceChildren(...people.slice(0, MOST_SHOWN).map(drawPerson));
    const more = people.length - MOST_SHOWN;
    this.#tell(more > 0 ? `and ${more} more` : "");
  }

  #called(/** @type {number} */ mid) {
    const mine = mid === this.#me.mid;
    return { mine, name: mine ? this.#me.name : this.#nameOf(mid) };
  }

  #tell(/** @type {string} */ text) {
    this.#note.textContent = text;
    this.#note.hidden = !text;
  }
}

/** @param {{mid: number, devices: number, mine: boolean, name: string}} person */
function drawPerson({ mid, devices, mine, name }) {
  const item = node("li", "person");
  const avatar = node("span", "avatar", initials(name));
  avatar.setAttribute("aria-hidden", "true");
  avatar.style.setProperty("--hue", String(hue(mid)));
  item.append(avatar, node("span", "person-name", name));
  if (mine) item.append(node("span", "tag", "you"));
  if (devices > 1) item.append(node("span", "tag", mid > 0 ? `${devices} devices` : `× ${devices}`));
  return item;
}
