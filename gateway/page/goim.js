/**
 * A client of goim's protocol with Goimbus' extensions, for browsers, in one module without
 * dependencies. docs/protocol.md describes the protocol.
 *
 *     const client = new GoimClient("wss://host/sub", { mid: 7, room: "live://1000" }, {
 *       onMessage: (message) => console.log(message.topic, message.sequence, message.text()),
 *     });
 *     client.open();
 *     const { sequence } = await client.send("hello");
 *
 * It comes back by itself after a lost connection and resumes where it was: each stored message
 * is given once, in order within its topic, or `onGap` says which ones are gone.
 *
 * The first half (frames, positions, reconnect) is pure; GoimClient at the end has the socket.
 *
 * @typedef {{version: number, operation: number, sequence: number, body: Uint8Array}} Frame
 * @typedef {{mid?: number, key?: string, room?: string, platform?: string, accepts?: number[],
 *   token?: string, device?: string, resume?: Object<string, number>}} Identity
 *   `key` names this connection: there is one with it at a time. `device` is whose positions the
 *   server keeps: by default the key, else the platform.
 *   `resume` holds positions by topic; a negative number -n asks for the newest n messages.
 * @typedef {{topic: string, operation: number, sequence: number, body: Uint8Array,
 *   text: () => string}} Message
 *   `topic` is "room:live://1000", "member", "all" or "key"; `sequence` is 0 when not stored.
 * @typedef {{topic: string, after: number, to: number}} Gap
 * @typedef {{code: number, message: string, retry: Retry, after: number}} Ending
 * @typedef {"never" | "token" | "now" | "later"} Retry
 * @typedef {{state: "connecting" | "online" | "waiting" | "ended", seconds: number,
 *   ending: Ending | null, mid: number, room: string}} State
 *   `waiting`: it tries again in `seconds`; `ended`: it does not try again.
 * @typedef {{onState?: (state: State) => void, onMessage?: (message: Message) => void,
 *   onGap?: (gap: Gap) => void, onLive?: (topic: string, sequence: number) => void,
 *   onOnline?: (count: number) => void}} Handlers
 *   `onLive`: all that was missed of the topic has been given, what comes now is new.
 * @typedef {{set: (act: () => void, milliseconds: number) => any, clear: (id: any) => void}} Timers
 */

export const Operation = Object.freeze({
  HEARTBEAT: 2,
  HEARTBEAT_REPLY: 3,
  SEND_MESSAGE: 4,
  SEND_MESSAGE_REPLY: 5,
  AUTH: 7,
  AUTH_REPLY: 8,
  BATCH: 9,
  ACKNOWLEDGE: 18,
  TOPIC: 19,
  GAP: 28,
  CLOSING: 29,
});

export const HEADER_BYTES = 16;
export const MAX_BODY_BYTES = 4096; // of what a client sends
const WRAP = 2 ** 32;
const MOST_NUMBER = 2 ** 31 - 1;

/** The bytes are no goim frames. */
export class FrameError extends Error {}

/** The server did not take a message, or did not answer; `number` sends the same again. */
export class SendError extends Error {
  /** @param {number} code @param {string} message @param {number} number */
  constructor(code, message, number) {
    super(message);
    this.code = code;
    this.number = number;
  }
}

/**
 * @param {number} operation
 * @param {Uint8Array | string} [body]
 * @param {number} [sequence] an int32
 * @param {number} [version]
 * @returns {Uint8Array}
 */
export function encodeFrame(operation, body = "", sequence = 0, version = 1) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const frame = new Uint8Array(HEADER_BYTES + bytes.length);
  const view = new DataView(frame.buffer);
  view.setInt32(0, frame.length);
  view.setInt16(4, HEADER_BYTES);
  view.setInt16(6, version);
  view.setInt32(8, operation);
  view.setInt32(12, sequence);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

/**
 * Return the frames that lie back to back in `data`, those inside an op 9 envelope in its place.
 *
 * @param {Uint8Array} data
 * @returns {Frame[]}
 * @throws {FrameError} when it does not end with a whole frame
 */
export function decodeFrames(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const frames = [];
  for (let start = 0; start < data.length; ) {
    const left = data.length - start;
    const length = left < HEADER_BYTES ? 0 : view.getInt32(start);
    if (length < HEADER_BYTES || length > left || view.getInt16(start + 4) !== HEADER_BYTES) {
      throw new FrameError(`no frame in the last ${left} of ${data.length} bytes`);
    }
    const body = data.subarray(start + HEADER_BYTES, start + length);
    const operation = view.getInt32(start + 8);
    if (operation === Operation.BATCH) {
      for (const frame of decodeFrames(body)) frames.push(frame);
    } else {
      const version = view.getInt16(start + 6);
      frames.push({ version, operation, sequence: view.getInt32(start + 12), body });
    }
    start += length;
  }
  return frames;
}

/**
 * Return a pushed frame's whole sequence from its low 32 bits and the end of its run.
 *
 * @param {number} last
 * @param {number} low as the int32 of the header
 */
export function wholeSequence(last, low) {
  const behind = (((last % WRAP) - low) % WRAP + WRAP) % WRAP;
  return last - behind;
}

/** What has been received, by topic: over all connections of a client, each message once. */
export class Positions {
  /** @param {Object<string, number>} [resume] by topic; -n: the newest n */
  constructor(resume = {}) {
    this.topics = new Map(Object.entries(resume));
    this.own = new Set();
    this.changed = new Set();
  }

  /**
   * Return the whole sequence of a pushed frame, 0 when not stored, null for a repeat.
   *
   * @param {string} topic @param {number} last @param {number} low
   */
  receive(topic, last, low) {
    if (low === 0) return 0;
    const sequence = wholeSequence(last, low);
    if (sequence <= (this.topics.get(topic) ?? 0)) return null;
    this.#set(topic, sequence);
    return this.own.delete(`${sequence} ${topic}`) ? null : sequence;
  }

  /**
   * The server has nothing more up to there. A sequence below what was received means that the
   * stream began anew.
   *
   * @param {string} topic @param {number} sequence
   */
  complete(topic, sequence) {
    this.#set(topic, sequence);
  }

  /** What is missing up to there is gone. @param {string} topic @param {number} to */
  skip(topic, to) {
    if (to > (this.topics.get(topic) ?? 0)) this.#set(topic, to);
  }

  /** An own message, which a later connection may be replayed. */
  sent(/** @type {string} */ topic, /** @type {number} */ sequence) {
    if (sequence > (this.topics.get(topic) ?? 0)) this.own.add(`${sequence} ${topic}`);
  }

  /** The `resume` of the auth frame. */
  resume() {
    return positionsToJson(this.topics);
  }

  /** The body of the next op 18, null when nothing has changed. */
  acknowledge() {
    if (!this.changed.size) return null;
    const changed = [...this.changed].map((topic) => [topic, this.topics.get(topic)]);
    this.changed.clear();
    return positionsToJson(new Map(changed));
  }

  #set(/** @type {string} */ topic, /** @type {number} */ sequence) {
    this.topics.set(topic, sequence);
    this.changed.add(topic);
  }
}

/** @param {Map<string, number>} topics */
function positionsToJson(topics) {
  const values = /** @type {{rooms?: Object<string, number>}} */ ({});
  for (const [topic, sequence] of topics) {
    if (topic.startsWith("room:")) (values.rooms ??= {})[topic.slice(5)] = sequence;
    else values[topic] = sequence;
  }
  return values;
}

/** Close codes after which it is not "later". docs/protocol.md has them all. */
const RETRY = new Map(
  /** @type {[number, Retry][]} */ ([
    ...[1000, 1002, 1003, 1007, 1009, 4000, 4001, 4005, 4006, 4011].map((code) => [code, "never"]),
    ...[1001, 4004, 4010, 4012].map((code) => [code, "now"]),
    [4002, "token"],
  ]),
);

/**
 * Return how a connection ended: what its op 29 notice said, else what its close code means.
 *
 * @param {number} code @param {string} reason @param {Partial<Ending> | null} [notice]
 * @returns {Ending}
 */
export function readEnding(code, reason, notice = null) {
  const number = Number.isInteger(notice?.code) ? notice.code : code;
  const known = ["never", "token", "now", "later"].includes(notice?.retry);
  return {
    code: number,
    message: String(notice?.message || reason || "the connection was lost"),
    retry: known ? notice.retry : RETRY.get(number) ?? "later",
    after: notice?.after > 0 ? Math.min(notice.after, 3600) : 0,
  };
}

/**
 * Return the seconds to wait: a told delay and up to half of it more, else any part of a delay
 * that doubles from 0.5 s to 30 s (full jitter).
 *
 * @param {number} attempt from 0 @param {number} after @param {number} random 0 to 1
 */
export function delaySeconds(attempt, after, random) {
  if (after > 0) return after + random * Math.max(0.5, after / 2);
  return random * Math.min(30, 0.5 * 2 ** Math.min(attempt, 16));
}

const ANSWER_SECONDS = 20; // to a message, while connected
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
  #clock;
  #timers = new Map();
  #number = 1 + Math.floor(Math.random() * (MOST_NUMBER - 1));
  #waiting = new Map();

  /**
   * @param {string} url
   * @param {Identity} identity
   * @param {Handlers} [handlers]
   * @param {{mostHeartbeatSeconds?: number, timers?: Timers}} [options] each heartbeat brings the
   *   online count; a browser slows the page's own timers down while its tab is hidden
   */
  constructor(url, identity, handlers = {}, options = {}) {
    this.#url = url;
    this.#identity = { ...identity };
    this.#handlers = handlers;
    this.#mostHeartbeatSeconds = options.mostHeartbeatSeconds ?? Infinity;
    this.#clock = options.timers ?? {
      set: (act, milliseconds) => setTimeout(act, milliseconds),
      clear: (id) => clearTimeout(id),
    };
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
  send(text, { operation = Operation.SEND_MESSAGE, number = this.#nextNumber() } = {}) {
    const body = new TextEncoder().encode(text);
    if (body.length > MAX_BODY_BYTES) {
      const words = `${body.length} bytes are too long, the most is ${MAX_BODY_BYTES}`;
      return Promise.reject(new SendError(413, words, number));
    }
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new SendError(0, "not connected", number));
      const waiting = { frame: encodeFrame(operation, body, number), resolve, reject };
      this.#waiting.set(number, waiting);
      if (this.#loggedIn) this.#transmit(number);
    });
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
    this.#clearTimers();
    this.#tell("connecting");
    this.#notice = null;
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(encodeFrame(Operation.AUTH, this.#authBody(), 1));
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#lose(readEnding(event.code, event.reason, this.#notice));
    this.#socket = socket;
    this.#after("connect", CONNECT_SECONDS, () => this.#abandon("no answer to the login"));
  }

  #authBody() {
    const { mid = 0, key = "", room = "", platform = "web", accepts = [] } = this.#identity;
    const { token, device } = this.#identity;
    const resume = this.#positions.resume();
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
    } else if (operation === Operation.SEND_MESSAGE_REPLY && this.#waiting.has(sequence)) {
      this.#settle(sequence, readJson(body));
    } else {
      this.#deliver(frame);
    }
  }

  #enter(/** @type {any} */ told) {
    this.#loggedIn = true;
    this.#loginTime = performance.now();
    this.#clearTimers();
    this.#identity.key ||= told.key;
    this.#identity.device ||= told.device;
    this.#identity.room ||= told.room;
    this.#tell("online", { mid: told.mid ?? 0, room: told.room ?? "" });
    for (const number of this.#waiting.keys()) this.#transmit(number);
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

  #settle(/** @type {number} */ number, /** @type {any} */ answer) {
    const { resolve, reject } = this.#waiting.get(number);
    this.#forget(number);
    if (answer.error) {
      reject(new SendError(answer.error.code, answer.error.message, number));
      return;
    }
    const sequence = answer.sequence || 0;
    if (sequence) this.#positions.sent(`room:${this.#identity.room}`, sequence);
    resolve({ sequence, duplicate: Boolean(answer.duplicate) });
  }

  #transmit(/** @type {number} */ number) {
    const { frame, reject } = this.#waiting.get(number);
    this.#socket?.send(frame);
    this.#after(`answer ${number}`, ANSWER_SECONDS, () => {
      this.#forget(number);
      reject(new SendError(408, "no answer from the server", number));
    });
  }

  #forget(/** @type {number} */ number) {
    this.#clearTimer(`answer ${number}`);
    this.#waiting.delete(number);
  }

  #beat(/** @type {number} */ seconds) {
    const sent = performance.now();
    this.#socket?.send(encodeFrame(Operation.HEARTBEAT, "", this.#nextNumber()));
    this.#after("silence", SILENCE_SECONDS, () => {
      if (this.#received < sent) this.#abandon("nothing came back");
    });
    this.#after("heartbeat", seconds, () => this.#beat(seconds));
  }

  #acknowledgeSoon() {
    if (!this.#acknowledges || this.#timers.has("acknowledge")) return;
    this.#after("acknowledge", ACKNOWLEDGE_SECONDS, () => this.#sendAcknowledgement());
  }

  #sendAcknowledgement() {
    if (!this.#acknowledges || !this.#loggedIn) return;
    const positions = this.#positions.acknowledge();
    if (positions) {
      this.#socket?.send(encodeFrame(Operation.ACKNOWLEDGE, JSON.stringify(positions)));
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
    if (ending.retry === "never" || ending.retry === "token") {
      this.#finish(ending, 1000);
      return;
    }
    this.#release(4000);
    const seconds = delaySeconds(this.#attempts++, ending.after, Math.random());
    this.#tell("waiting", { seconds, ending });
    this.#after("reconnect", seconds, () => this.#connect());
  }

  #finish(/** @type {Ending} */ ending, /** @type {number} */ code) {
    if (this.#closed) return;
    this.#closed = true;
    this.#release(code);
    for (const [number, { reject }] of this.#waiting) {
      reject(new SendError(ending.code, ending.message, number));
    }
    this.#waiting.clear();
    this.#tell("ended", { ending });
  }

  #release(/** @type {number} */ code) {
    this.#clearTimers();
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

  #nextNumber() {
    this.#number = (this.#number % MOST_NUMBER) + 1;
    return this.#number;
  }

  #after(/** @type {string} */ name, /** @type {number} */ seconds, /** @type {() => void} */ act) {
    this.#clearTimer(name);
    const run = () => {
      this.#timers.delete(name);
      act();
    };
    this.#timers.set(name, this.#clock.set(run, seconds * 1000));
  }

  #clearTimer(/** @type {string} */ name) {
    if (this.#timers.has(name)) this.#clock.clear(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #clearTimers() {
    for (const name of [...this.#timers.keys()]) this.#clearTimer(name);
  }
}

/** @param {Uint8Array} body */
function readJson(body) {
  try {
    const values = JSON.parse(new TextDecoder().decode(body));
    return values && typeof values === "object" ? values : {};
  } catch {
    return {};
  }
}
