/**
 * The first page: log in, register (with a code where the server asks for one), or enter as a
 * guest where it lets guests in.
 *
 * @import { Session } from "./session.js"
 * @import { Profile } from "./memory.js"
 */

import { ApiError, call } from "./api.js";
import { find, onSubmit, showProblem, valueOf } from "./elements.js";
import { saveProfile } from "./memory.js";
import { roomId, roomTitle } from "./room-record.js";

const TABS = ["login", "register", "guest"];
const NO_ACCOUNTS = "This server has no accounts right now.";

export class Welcome {
  #session;
  #profile;
  #entered;
  #password = ""; // between registering and the code

  /**
   * @param {Session} session @param {Profile} profile
   * @param {(room: string) => void} entered with a room to show, or ""
   */
  constructor(session, profile, entered) {
    this.#session = session;
    this.#profile = profile;
    this.#entered = entered;
    for (const tab of TABS) find(`tab-${tab}`).addEventListener("click", () => this.#choose(tab));
    find("welcome-tabs").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#step(event));
    find("activate-back").addEventListener("click", () => this.#choose("login"));
    onSubmit(find("login"), () => this.#logIn(valueOf("login-name"), find("login-password").value));
    onSubmit(find("register"), () => this.#register());
    onSubmit(find("activate"), () => this.#activate());
    onSubmit(find("guest"), () => this.#enterAsGuest());
  }

  /**
   * @param {string} problem why one is here again, or ""
   * @param {{room?: string, needsToken?: boolean}} [wanted]
   */
  show(problem, { room = "", needsToken = false } = {}) {
    find("chat").hidden = true;
    find("welcome").hidden = false;
    document.title = "Goimbus chat";
    showProblem(find("welcome-problem"), problem);
    find("guest-name").value = this.#profile.name;
    find("guest-room").value = roomTitle(room) || "lobby";
    if (needsToken) find("guest-token-field").hidden = false;
    find("guest-token").required = !find("guest-token-field").hidden;
    this.#choose(needsToken || this.#profile.name ? "guest" : "login", needsToken ? "guest-token" : "");
    this.#look();
  }

  /** Are there accounts at all? */
  async #look() {
    try {
      await call("accounts/names", {});
    } catch (error) {
      const isAway = error instanceof ApiError && error.reason === "unavailable";
      find("welcome-tabs").hidden = isAway || !find("activate").hidden;
      find("guest-hint").hidden = !isAway;
      if (isAway && find("guest").hidden && !find("welcome").hidden) this.#choose("guest");
    }
  }

  #choose(/** @type {string} */ chosen, focus = "") {
    find("welcome-tabs").hidden = chosen === "activate" || !find("guest-hint").hidden;
    for (const tab of TABS) {
      find(tab).hidden = tab !== chosen;
      find(`tab-${tab}`).setAttribute("aria-selected", String(tab === chosen));
      find(`tab-${tab}`).tabIndex = tab === chosen ? 0 : -1;
    }
    find("activate").hidden = chosen !== "activate";
    const fields = /** @type {HTMLInputElement[]} */ ([...find(chosen).querySelectorAll("input")]);
    const first = focus ? find(focus) : fields.find((one) => !one.value && one.type !== "checkbox");
    (first ?? fields[0]).focus();
  }

  #step(/** @type {KeyboardEvent} */ event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const at = TABS.findIndex((tab) => find(`tab-${tab}`) === document.activeElement);
    const next = TABS[(at + by + TABS.length) % TABS.length];
    this.#choose(next);
    find(`tab-${next}`).focus();
    event.preventDefault();
  }

  async #logIn(/** @type {string} */ name, /** @type {string} */ password) {
    try {
      await this.#session.logIn(name, password, find("login-keep").checked);
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== "not_activated") throw inWords(error);
      this.#askForCode(name, password);
      return;
    }
    this.#profile.name = ""; // no guest any more
    saveProfile(this.#profile);
    this.#enter("");
  }

  async #register() {
    const name = valueOf("register-name");
    const password = find("register-password").value;
    const contact = valueOf("register-contact");
    const { state } = await call("accounts/register", { name, password, contact }).catch((error) => {
      throw inWords(error);
    });
    if (state === "pending") this.#askForCode(name, password);
    else await this.#logIn(name, password);
  }

  #askForCode(/** @type {string} */ name, /** @type {string} */ password) {
    find("login-name").value = name;
    this.#password = password;
    find("activate-words").textContent = `A code was sent to you, ${name}. With it your account becomes active.`;
    this.#choose("activate");
  }

  async #activate() {
    const name = valueOf("login-name");
    await call("accounts/activate", { name, code: valueOf("activate-code") });
    find("activate-code").value = "";
    await this.#logIn(name, this.#password);
  }

  #enterAsGuest() {
    this.#profile.name = valueOf("guest-name");
    saveProfile(this.#profile);
    const token = find("guest-token-field").hidden ? this.#session.guestToken : valueOf("guest-token");
    this.#session.enterAsGuest(this.#profile.mid, this.#profile.name, token);
    this.#enter(roomId(find("guest-room").value));
  }

  #enter(/** @type {string} */ room) {
    this.#password = "";
    for (const field of find("welcome").querySelectorAll("input[type=password]")) field.value = "";
    this.#entered(room);
  }
}

/** What the server says, said so that it helps. */
function inWords(/** @type {any} */ error) {
  if (!(error instanceof ApiError)) return error;
  if (error.reason === "unavailable") error.message = NO_ACCOUNTS;
  if (error.reason === "registration_closed") {
    error.message = "Here accounts are made by an operator: ask for one, then log in";
  }
  return error;
}
