/**
 * What one says: messages, which wait in their list until the server has stored or refused them,
 * and signals.
 *
 * @import { Conversation } from "./conversation.js"
 * @import { GoimClient } from "./goim.js"
 * @import { Entry } from "./message-list.js"
 * @import { Session } from "./session.js"
 * @import { Stored } from "./chat-message.js"
 */

import { CHAT_OPERATION, encodeChat, encodeSignal, SIGNAL_OPERATION } from "./chat-message.js";
import { encodeSendTo, Operation, SendError } from "./goim.js";
import { refusalWords } from "./words.js";

export class Outbox {
  #session;
  #client;
  #changed;

  /**
   * @param {Session} session @param {() => GoimClient | null} client
   * @param {(where: Conversation) => void} changed a message has another state now
   */
  constructor(session, client, changed) {
    this.#session = session;
    this.#client = client;
    this.#changed = changed;
  }

  /** What is sent of a text, to know how long it is. @param {Conversation} one @param {string} text */
  bodyOf(one, text) {
    return encodeSendTo(one.target, encodeChat(this.#session.name, text), CHAT_OPERATION);
  }

  /** @param {Conversation} one @param {string} text */
  send(one, text) {
    if (!one.list) return;
    const { mid: from, name } = this.#session;
    const to = one.kind === "member" ? Number(one.id) : 0;
    const message = { sequence: 0, from, to, name, text, time: Date.now(), kind: "chat" };
    const entry = one.list.addPending(/** @type {Stored} */ (message));
    one.list.endUnread();
    this.#changed(one);
    this.#transmit(one, entry, encodeChat(name, text));
  }

  /** Say what is not kept. @param {Conversation} one @param {"typing" | "invited"} signal */
  signal(one, signal) {
    this.#client()?.cast(one.target, encodeSignal(signal, this.#session.name), SIGNAL_OPERATION);
  }

  /**
   * @param {Conversation} one @param {Entry} entry @param {string} body
   * @param {number} [number] that of an earlier try: the server stores it once
   */
  async #transmit(one, entry, body, number) {
    const operation = one.kind === "room" ? Operation.SEND_MESSAGE : CHAT_OPERATION;
    try {
      const answer = await this.#client()?.sendTo(one.target, body, { operation, number });
      if (!answer) return;
      one.list?.confirm(entry, answer.sequence);
      one.receive({ ...entry, sequence: answer.sequence }, true);
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      const again = () => this.#transmit(one, entry, body, error.number);
      one.list?.fail(entry, refusalWords(error.refusal), again);
    }
    this.#changed(one);
  }
}
