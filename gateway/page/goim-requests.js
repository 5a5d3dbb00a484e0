/**
 * What a client has asked and waits for, over lost connections too: a message sent again under its
 * number is stored once.
 *
 * @import { NamedTimers } from "./goim-timers.js"
 * @typedef {{code: number, message: string, reason?: string, retry?: string, after?: number}} Refusal
 * @typedef {{room: string} | {member: number}} Target
 */

import { encodeFrame, MAX_BODY_BYTES, Operation } from "./goim-frames.js";

const MOST_NUMBER = 2 ** 31 - 1;
const ANSWER_SECONDS = 20; // while connected
const ANSWERS = /** @type {Set<number>} */ (
  new Set([Operation.SEND_MESSAGE_REPLY, Operation.HISTORY_REPLY, Operation.READ_REPLY])
);

/** The server refused, or did not answer; `number` sends the same message again. */
export class SendError extends Error {
  /** @param {Refusal} refusal @param {number} number */
  constructor(refusal, number) {
    super(refusal.message);
    this.code = refusal.code;
    this.refusal = refusal;
    this.number = number;
  }
}

/**
 * The body of an op 20 frame.
 *
 * @param {Target} target @param {string} text @param {number} operation @param {boolean} [cast]
 */
export function encodeSendTo(target, text, operation, cast = false) {
  return JSON.stringify({ ...target, operation, body: text, ...(cast && { cast }) });
}

export class Requests {
  #timers;
  #transmit;
  #waiting = new Map();
  #number = 1 + Math.floor(Math.random() * (MOST_NUMBER - 1));
  #ended = /** @type {Refusal | null} */ (null);

  /**
   * @param {NamedTimers} timers
   * @param {(frame: Uint8Array) => boolean} transmit tells whether there was a connection for it
   */
  constructor(timers, transmit) {
    this.#timers = timers;
    this.#transmit = transmit;
  }

  /** A number that no other frame of this connection has. */
  nextNumber() {
    this.#number = (this.#number % MOST_NUMBER) + 1;
    return this.#number;
  }

  /**
   * @param {number} operation @param {string} text @param {number} [number] of an earlier try
   * @returns {Promise<any>} the answer
   * @throws {SendError}
   */
  ask(operation, text, number = this.nextNumber()) {
    const body = new TextEncoder().encode(text);
    if (body.length > MAX_BODY_BYTES) {
      const message = `${body.length} bytes are too long, the most is ${MAX_BODY_BYTES}`;
      return Promise.reject(new SendError({ code: 413, message }, number));
    }
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new SendError(this.#ended, number));
      this.#waiting.set(number, { frame: encodeFrame(operation, body, number), resolve, reject });
      this.#send(number);
    });
  }

  isAnswer(/** @type {number} */ operation, /** @type {number} */ number) {
    return ANSWERS.has(operation) && this.#waiting.has(number);
  }

  settle(/** @type {number} */ number, /** @type {any} */ answer) {
    const { resolve, reject } = this.#forget(number);
    if (answer.error) reject(new SendError(answer.error, number));
    else resolve(answer);
  }

  /** Ask all again, on a new connection. */
  repeat() {
    for (const number of this.#waiting.keys()) this.#send(number);
  }

  /** Nothing is answered any more. */
  end(/** @type {Refusal} */ refusal) {
    this.#ended = refusal;
    for (const number of [...this.#waiting.keys()]) {
      this.#forget(number).reject(new SendError(refusal, number));
    }
  }

  #send(/** @type {number} */ number) {
    if (!this.#transmit(this.#waiting.get(number).frame)) return;
    this.#timers.after(`answer ${number}`, ANSWER_SECONDS, () => {
      const refusal = { code: 408, message: "no answer from the server" };
      this.#forget(number).reject(new SendError(refusal, number));
    });
  }

  #forget(/** @type {number} */ number) {
    const waiting = this.#waiting.get(number);
    this.#timers.clear(`answer ${number}`);
    this.#waiting.delete(number);
    return waiting;
  }
}
