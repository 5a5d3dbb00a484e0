/**
 * Who one is: an account that is logged in, or a guest under a name of its own. A login is kept in
 * this browser (or this tab alone), refreshed before its token expires, and shared by the tabs.
 *
 * @typedef {{mid: number, name: string, token: string, expiresAt: number, seconds: number,
 *   refreshToken: string}} Login `expiresAt`: unix seconds; `seconds`: the token's life
 */

import { ApiError, call } from "./api.js";
import { read, stores, write } from "./memory.js";

const LOGIN = "goimbus.login";
const GUEST_TOKEN = "goimbus.token"; // for this tab only
const EARLY_SECONDS = 60; // so long before its end, or a fifth of its life, a token is renewed
const LEAST_SECONDS = 5; // between two tries
const FINAL = ["refresh_refused", "refresh_reused", "deactivated", "not_activated"];

export class Session {
  #login = /** @type {Login | null} */ (null);
  #keeper = /** @type {Storage | null} */ (null);
  #guest = /** @type {{mid: number, name: string, token: string} | null} */ (null);
  #timers;
  #timer = /** @type {any} */ (0);
  #refreshing = /** @type {Promise<string> | null} */ (null);
  #ended;

  /**
   * @param {import("./goim-timers.js").Timers} timers
   * @param {(words: string) => void} ended the login is no good any more
   */
  constructor(timers, ended) {
    this.#timers = timers;
    this.#ended = ended;
    addEventListener("storage", (event) => event.key === LOGIN && this.#adopt());
  }

  get isAccount() {
    return this.#login !== null;
  }

  get isThere() {
    return this.#login !== null || this.#guest !== null;
  }

  get mid() {
    return this.#login?.mid ?? this.#guest?.mid ?? 0;
  }

  get name() {
    return this.#login?.name ?? this.#guest?.name ?? "";
  }

  /** The token for the next connection, "" for a guest without one. */
  get token() {
    return this.#login?.token ?? this.#guest?.token ?? "";
  }

  /** What stands for this member in calls. @returns {Promise<string>} */
  async bearer() {
    if (!this.#login) return this.token || JSON.stringify({ mid: this.mid });
    return this.#isFresh() ? this.token : (await this.renew()) || this.token;
  }

  /** Go on with the login that this browser has kept. Returns whether there is one. */
  restore() {
    for (const store of [stores.session, stores.local]) {
      const kept = read(store, LOGIN);
      if (!isLogin(kept)) continue;
      this.#keeper = store;
      this.#take(kept);
      return true;
    }
    return false;
  }

  /** The token that a guest of this tab has. */
  get guestToken() {
    return String(read(stores.session, GUEST_TOKEN) ?? "");
  }

  /** @param {number} mid @param {string} name @param {string} token */
  enterAsGuest(mid, name, token) {
    this.#forget();
    this.#guest = { mid, name, token };
    write(stores.session, GUEST_TOKEN, token || null);
  }

  /** A token says who one is, whatever was asked for. @param {number} mid */
  recognize(mid) {
    if (this.#guest) this.#guest.mid = mid;
  }

  /**
   * @param {string} name @param {string} password @param {boolean} keep beyond this tab's life
   * @throws {ApiError}
   */
  async logIn(name, password, keep) {
    const answer = await call("accounts/login", { name, password, platform: "web" });
    this.#guest = null;
    this.#keeper = keep ? stores.local : stores.session;
    this.#take(loginOf(answer));
    this.#save();
  }

  /** End the login, here and at the server. */
  async logOut() {
    const login = this.#login;
    this.#forget();
    this.#guest = null;
    write(stores.session, GUEST_TOKEN, null);
    if (!login) return;
    await call("accounts/logout", { refresh_token: login.refreshToken }, login.token).catch(() => {});
  }

  /** A token after one that was refused. @param {string} refused @returns {Promise<string>} */
  async tokenAfter(refused) {
    if (!this.#login) return "";
    return this.token !== refused && this.#isFresh() ? this.token : this.renew();
  }

  /**
   * Get a new token. Returns it, or "" where the login has ended.
   *
   * @returns {Promise<string>}
   * @throws {ApiError} it can't be had now
   */
  renew() {
    this.#refreshing ??= alone(() => this.#refresh()).finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #refresh() {
    const kept = read(this.#keeper, LOGIN); // another tab may have been quicker
    if (isLogin(kept) && kept.refreshToken !== this.#login?.refreshToken) {
      this.#take(kept);
      if (this.#isFresh()) return this.token;
    }
    if (!this.#login) return "";
    try {
      const { refreshToken } = this.#login;
      this.#take(loginOf(await call("accounts/refresh", { refresh_token: refreshToken })));
      this.#save();
      return this.token;
    } catch (error) {
      if (!(error instanceof ApiError) || !FINAL.includes(error.reason)) throw error;
      this.#end(error.message);
      return "";
    }
  }

  #isFresh() {
    return this.#login !== null && secondsLeft(this.#login) > 0;
  }

  #take(/** @type {Login} */ login) {
    this.#login = login;
    this.#timers.clear(this.#timer);
    const seconds = secondsLeft(login) * (0.9 + Math.random() / 10); // not all tabs at once
    const renew = () => this.#isFresh() || this.renew().catch(() => {}); // or when it is needed
    this.#timer = this.#timers.set(renew, Math.max(LEAST_SECONDS, seconds) * 1000);
  }

  /** Another tab has refreshed the login, ended it or begun one. */
  #adopt() {
    if (!this.#login || this.#keeper !== stores.local) return;
    const kept = read(stores.local, LOGIN);
    if (isLogin(kept) && kept.mid === this.#login.mid) this.#take(kept);
    else this.#end("you have logged out in another tab");
  }

  #end(/** @type {string} */ words) {
    this.#forget();
    this.#ended(words);
  }

  #save() {
    write(this.#keeper, LOGIN, this.#login);
  }

  #forget() {
    this.#timers.clear(this.#timer);
    write(this.#keeper, LOGIN, null);
    this.#login = null;
  }
}

/** Until a token is to be renewed. */
function secondsLeft(/** @type {Login} */ { expiresAt, seconds }) {
  return expiresAt - Date.now() / 1000 - Math.min(EARLY_SECONDS, seconds / 5);
}

/** One tab at a time: a refresh token is good for one use. */
function alone(/** @type {() => Promise<string>} */ act) {
  return navigator.locks ? navigator.locks.request(LOGIN, act) : act();
}

function isLogin(/** @type {any} */ kept) {
  return Boolean(kept?.mid && kept.token && kept.refreshToken);
}

/** @param {any} answer @returns {Login} */
function loginOf({ mid, name, token, expires_at, refresh_token }) {
  const expiresAt = Number(expires_at);
  const seconds = expiresAt - Date.now() / 1000;
  return { mid: Number(mid), name, token, expiresAt, seconds, refreshToken: refresh_token };
}
