/**
 * A client of goim's protocol with Goimbus' extensions, for browsers, without dependencies.
 * docs/protocol.md describes the protocol; goim-*.js beside it are its parts without a socket.
 *
 *     const client = new GoimClient("wss://host/sub", { mid: 7, room: "live://1000" }, {
 *       onMessage: (message) => console.log(message.topic, message.sequence, message.text()),
 *     });
 *     client.open();
 *     await client.send("hello");
 *     await client.sendTo({ member: 9 }, "hello");
 *
 * It comes back by itself after a lost connection and resumes where it was: each stored message
 * is given once, in order within its topic, or `onGap` says which ones are gone.
 *
 * @import { Frame } from "./goim-frames.js"
 * @import { Ending } from "./goim-endings.js"
 * @import { Refusal, Target } from "./goim-requests.js"
 * @import { Timers } from "./goim-timers.js"
 * @typedef {{mid?: number, key?: string, room?: string, platform?: string, accepts?: number[],
 *   token?: string, device?: string, resume?: Object<string, number>}} Identity
 *   `key` names this connection: there is one with it at a time. `device` is whose positions the
 *   server keeps: by default the key, else the platform.
 *   `resume` holds positions by topic; a negative number -n asks for the newest n messages.
 * @typedef {{topic: string, operation: number, sequence: number, body: Uint8Array,
 *   text: () => string}} Message
 *   `topic` is "room:live://1000", "member", "all" or "key"; `sequence` is 0 when not stored.
 * @typedef {{topic: string, after: number, to: number}} Gap
 * @typedef {{state: "connecting" | "online" | "waiting" | "ended", seconds: number,
 *   ending: Ending | null, mid: number, room: string}} State
 *   `waiting`: it tries again in `seconds`; `ended`: it does not try again.
 * @typedef {{onState?: (state: State) => void, onMessage?: (message: Message) => void,
 *   onGap?: (gap: Gap) => void, onLive?: (topic: string, sequence: number) => void,
 *   onOnline?: (count: number) => void, onJoined?: (room: string) => void,
 *   onOut?: (room: string, error: Refusal) => void, onRoomEvent?: (event: any) => void,
 *   onRead?: (positions: any) => void}} Handlers
 *   `onLive`: all that was missed of the topic has been given, what comes now is new.
 *   `onOut`: the client is not, or not any more, in a room that it joined. `onRead`: what another
 *   connection of the member has read.
 */

import { delaySeconds, readEnding } from "./goim-endings.js";
import { decodeFrames, encodeFrame, FrameError, Operation, readJson } from "./goim-frames.js";
import { Positions } from "./goim-positions.js";
import { encodeSendTo, Requests } from "./goim-requests.js";
import { NamedTimers } from "./goim-timers.js";

export * from "./goim-endings.js";
export * from "./goim-frames.js";
export * from "./goim-positions.js";
export * from "./goim-requests.js";

const FIRST_EXTENSION = 18;
const FIRST_BUSINESS = 100;
const SILENCE_SECONDS = 10; // after a heartbeat; then the connection is taken for dead
const CONNECT_SECONDS = 15;
const STABLE_SECONDS = 10; // a login that held so long starts the delays from the base again
const ACKNOWLEDGE_SECONDS = 0.5;

/** One member's connection, kept up over reconnects until `close`. */
export class GoimClient {
  #url;
  #identity;
  #handlers;
  #mostHeartbeatSeconds;
  #acknowledges;
  #positions;
  #socket = /** @type {WebSocket | null} */ (null);
  #loggedIn = false;
  #closed = false;
  #topic = { name: "", last: 0 };
  #notice = /** @type {Partial<Ending> | null} */ (null);
  #attempts = 0;
  #loginTime = 0;
  #received = 0;
  #timers;
  #requests;
  #rooms = new Set(); // further ones, joined again at each login
  #renewToken;

  /**
   * @param {string} url
   * @param {Identity} identity
   * @param {Handlers} [handlers]
   * @param {{mostHeartbeatSeconds?: number, timers?: Timers,
   *   renewToken?: (old: string) => Promise<string>}} [options] each heartbeat brings the online count; a
   *   browser slows the page's own timers down while its tab is hidden. `renewToken` is asked when
   *   the token has expired: "" ends the client, an error makes it try again later
   */
  constructor(url, identity, handlers = {}, options = {}) {
    this.#url = url;
    this.#identity = { ...identity };
    this.#handlers = handlers;
    this.#renewToken = options.renewToken ?? (async () => "");
    this.#mostHeartbeatSeconds = options.mostHeartbeatSeconds ?? Infinity;
    this.#timers = new NamedTimers(options.timers);
    this.#requests = new Requests(this.#timers, (frame) => this.#transmit(frame));
    this.#acknowledges = Boolean(identity.key);
    this.#positions = new Positions(identity.resume);
  }

  /** Connect, and stay connected until `close`. */
  open() {
    if (!this.#socket && !this.#closed) this.#connect();
  }

  /** The last sequence given, by topic: the `resume` of a later client. */
  get positions() {
    return Object.fromEntries(this.#positions.topics);
  }

  /**
   * Send a message to the room. It is sent again over lost connections, and stored once.
   *
   * @param {string} text
   * @param {{operation?: number, number?: number}} [options] `number`: that of an earlier error
   * @returns {Promise<{sequence: number, duplicate: boolean}>} sequence 0: not stored
   * @throws {SendError}
   */
  send(text, { operation = Operation.SEND_MESSAGE, number = this.#requests.nextNumber() } = {}) {
    return this.#store(`room:${this.#identity.room}`, operation, text, number);
  }

  /**
   * Send a message to a room or member, as `send` does.
   *
   * @param {Target} target @param {string} text
   * @param {{operation?: number, number?: number}} [options]
   * @returns {Promise<{sequence: number, duplicate: boolean}>}
   * @throws {SendError}
   */
  sendTo(target, text, options = {}) {
    const { operation = Operation.SEND_MESSAGE, number = this.#requests.nextNumber() } = options;
    const topic = "room" in target ? `room:${target.room}` : "member";
    return this.#store(topic, Operation.SEND_TO, encodeSendTo(target, text, operation), number);
  }

  /** Send what is not kept, such as that one is typing; nothing is told of it. */
  cast(/** @type {Target} */ target, /** @type {string} */ text, /** @type {number} */ operation) {
    this.#say(Operation.SEND_TO, encodeSendTo(target, text, operation, true));
  }

  /**
   * Hear a further room from now on; `onJoined` or `onOut` says what came of it.
   *
   * @param {string} room @param {number} [resume] where nothing of it is known: -n for the newest n
   */
  joinRoom(room, resume = 0) {
    const { topics } = this.#positions;
    if (resume && !topics.has(`room:${room}`)) topics.set(`room:${room}`, resume);
    this.#rooms.add(room);
    if (this.#loggedIn) this.#join(room);
  }

  /** Hear it no more. @param {string} room */
  leaveRoom(room) {
    if (this.#rooms.delete(room)) this.#say(Operation.LEAVE_ROOM, JSON.stringify({ room }));
  }

  /**
   * A page of older messages, the oldest first.
   *
   * @param {Target} target @param {{before?: number, limit?: number}} [which] 0: the newest
   * @returns {Promise<{messages: any[], more: boolean}>}
   * @throws {SendError}
   */
  async history(target, { before = 0, limit = 50 } = {}) {
    const body = JSON.stringify({ ...target, before, limit });
    const { messages = [], more = false } = await this.#requests.ask(Operation.HISTORY, body);
    return { messages, more };
  }

  /**
   * Say what has been read, by room and member; 0 only asks, and {} asks for all.
   *
   * @param {{rooms?: Object<string, number>, members?: Object<string, number>}} positions
   * @returns {Promise<{rooms: Object<string, any>, members: Object<string, any>}>}
   * @throws {SendError}
   */
  async read(positions) {
    const body = JSON.stringify(positions);
    const { rooms = {}, members = {} } = await this.#requests.ask(Operation.READ, body);
    return { rooms, members };
  }

  /** Try again now instead of after the wait, for instance when the network is back. */
  retryNow() {
    if (this.#timers.has("reconnect")) this.#connect();
  }

  /** End the connection for good. */
  close() {
    this.#sendAcknowledgement();
    this.#finish(readEnding(1000, "closed"), 1000);
  }

  #connect() {
    this.#timers.clearAll();
    this.#tell("connecting");
    this.#notice = null;
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(encodeFrame(Operation.AUTH, this.#authBody(), 1));
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lose(readEnding(event.code, event.reason, this.#notice));
    this.#socket = socket;
    this.#timers.after("connect", CONNECT_SECONDS, () => this.#abandon("no answer to the login"));
  }

  #authBody() {
    const { mid = 0, key = "", room = "", platform = "web", accepts = [] } = this.#identity;
    const { token, device } = this.#identity;
    const resume = this.#positions.resume((room) => room === this.#identity.room);
    const values = { mid, key, room_id: room, platform, accepts, ext: 1, device, resume };
    return JSON.stringify(token ? { ...values, token } : values);
  }

  #receive(/** @type {ArrayBuffer | string} */ data) {
    this.#received = performance.now();
    try {
      if (typeof data === "string") throw new FrameError("a text message");
      for (const frame of decodeFrames(new Uint8Array(data))) this.#handle(frame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#abandon(error.message);
    }
  }

  #handle(/** @type {Frame} */ frame) {
    const { operation, sequence, body } = frame;
    if (!this.#loggedIn) {
      if (operation === Operation.AUTH_REPLY) this.#enter(readJson(body));
    } else if (operation === Operation.TOPIC) {
      this.#beginRun(readJson(body));
    } else if (operation === Operation.GAP) {
      const gap = readJson(body);
      this.#positions.skip(gap.topic, gap.to);
      this.#handlers.onGap?.(gap);
    } else if (operation === Operation.CLOSING) {
      this.#notice = readJson(body);
    } else if (operation === Operation.HEARTBEAT_REPLY && body.length === 4) {
      const count = new DataView(body.buffer, body.byteOffset).getInt32(0);
      this.#handlers.onOnline?.(count);
    } else if (this.#requests.isAnswer(operation, sequence)) {
      this.#requests.settle(sequence, readJson(body));
    } else if (operation === Operation.JOIN_ROOM_REPLY || operation === Operation.ROOM_LEFT) {
      this.#hearOfRoom(operation, readJson(body));
    } else if (operation === Operation.ROOM_EVENT) {
      this.#handlers.onRoomEvent?.(readJson(body));
    } else if (operation === Operation.READ_REPLY && sequence === 0) {
      this.#handlers.onRead?.(readJson(body));
    } else if (operation >= FIRST_EXTENSION && operation < FIRST_BUSINESS) {
      return; // an answer that nobody waits for any more
    } else {
      this.#deliver(frame);
    }
  }

  #enter(/** @type {any} */ told) {
    this.#loggedIn = true;
    this.#loginTime = performance.now();
    this.#timers.clearAll();
    this.#identity.key ||= told.key;
    this.#identity.device ||= told.device;
    this.#identity.room ||= told.room;
    this.#tell("online", { mid: told.mid ?? 0, room: told.room ?? "" });
    for (const room of this.#rooms) this.#join(room);
    this.#requests.repeat();
    this.#beat(Math.min(told.heartbeat || 30, this.#mostHeartbeatSeconds));
  }

  #beginRun(/** @type {any} */ run) {
    this.#topic = { name: String(run.topic), last: Number(run.sequence) || 0 };
    if (!run.live) return;
    this.#positions.complete(this.#topic.name, this.#topic.last);
    this.#handlers.onLive?.(this.#topic.name, this.#topic.last);
    this.#acknowledgeSoon();
  }

  #deliver(/** @type {Frame} */ frame) {
    const { name: topic, last } = this.#topic;
    const sequence = this.#positions.receive(topic, last, frame.sequence);
    if (sequence === null) return;
    const { operation, body } = frame;
    const text = () => new TextDecoder().decode(body);
    this.#handlers.onMessage?.({ topic, operation, sequence, body, text });
    this.#acknowledgeSoon();
  }

  #join(/** @type {string} */ room) {
    const position = this.#positions.topics.get(`room:${room}`);
    this.#say(Operation.JOIN_ROOM, JSON.stringify({ room, resume: position }));
  }

  #hearOfRoom(/** @type {number} */ operation, /** @type {{room: string, error?: Refusal}} */ told) {
    const { room, error } = told;
    if (!error && operation === Operation.JOIN_ROOM_REPLY) {
      this.#handlers.onJoined?.(room);
    } else if (this.#rooms.delete(room)) {
      this.#handlers.onOut?.(room, error ?? { code: 0, message: "not in the room" });
    }
  }

  /**
   * Send a message, and remember what it was stored as.
   * @param {string} topic @param {number} operation @param {string} text @param {number} number
   */
  async #store(topic, operation, text, number) {
    const { sequence = 0, duplicate = false } = await this.#requests.ask(operation, text, number);
    if (sequence) this.#positions.sent(topic, sequence);
    return { sequence, duplicate };
  }

  /** Send a frame that nobody waits for, if there is a connection. */
  #say(/** @type {number} */ operation, /** @type {string} */ body) {
    this.#transmit(encodeFrame(operation, body, this.#requests.nextNumber()));
  }

  #transmit(/** @type {Uint8Array} */ frame) {
    // One that is closing takes nothing, and a browser complains; its end comes in a moment.
    if (this.#loggedIn && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(frame);
    return this.#loggedIn;
  }

  #beat(/** @type {number} */ seconds) {
    const sent = performance.now();
    this.#say(Operation.HEARTBEAT, "");
    this.#timers.after("silence", SILENCE_SECONDS, () => {
      if (this.#received < sent) this.#abandon("nothing came back");
    });
    this.#timers.after("heartbeat", seconds, () => this.#beat(seconds));
  }

  #acknowledgeSoon() {
    if (!this.#acknowledges || this.#timers.has("acknowledge")) return;
    this.#timers.after("acknowledge", ACKNOWLEDGE_SECONDS, () => this.#sendAcknowledgement());
  }

  #sendAcknowledgement() {
    if (!this.#acknowledges || !this.#loggedIn) return;
    for (const positions of this.#positions.acknowledge()) {
      this.#transmit(encodeFrame(Operation.ACKNOWLEDGE, JSON.stringify(positions)));
    }
  }

  /** Leave a connection that does not work, without waiting for its close handshake. */
  #abandon(/** @type {string} */ reason) {
    this.#lose(readEnding(1006, reason, this.#notice));
  }

  #lose(/** @type {Ending} */ ending) {
    if (this.#closed) return;
    const held = this.#loggedIn ? (performance.now() - this.#loginTime) / 1000 : 0;
    if (held >= STABLE_SECONDS) this.#attempts = 0;
    if (ending.retry === "never") {
      this.#finish(ending, 1000);
      return;
    }
    this.#release(4000);
    if (ending.retry === "token") this.#renew(ending);
    else this.#comeBack(ending, delaySeconds(this.#attempts++, ending.after, Math.random()));
  }

  #comeBack(/** @type {Ending} */ ending, /** @type {number} */ seconds) {
    this.#tell("waiting", { seconds, ending });
    this.#timers.after("reconnect", seconds, () => this.#connect());
  }

  async #renew(/** @type {Ending} */ ending) {
    const token = await this.#renewToken(this.#identity.token ?? "").catch(() => null); // null: it can't be had now
    if (this.#closed) return;
    if (token === "") return this.#finish(ending, 1000);
    this.#identity.token = token ?? this.#identity.token;
    const first = token && this.#attempts === 0;
    this.#attempts += 1;
    this.#comeBack(ending, first ? 0 : delaySeconds(this.#attempts, 0, Math.random()));
  }

  #finish(/** @type {Ending} */ ending, /** @type {number} */ code) {
    if (this.#closed) return;
    this.#closed = true;
    this.#release(code);
    this.#requests.end({ code: ending.code, message: ending.message });
    this.#tell("ended", { ending });
  }

  #release(/** @type {number} */ code) {
    this.#timers.clearAll();
    this.#loggedIn = false;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState <= WebSocket.OPEN) socket.close(code);
  }

  #tell(/** @type {State["state"]} */ state, /** @type {Partial<State>} */ more = {}) {
    this.#handlers.onState?.({ state, seconds: 0, ending: null, mid: 0, room: "", ...more });
  }
}
