/**
 * Pages of older messages of one room or member.
 *
 * @import { Conversation } from "./conversation.js"
 * @import { GoimClient } from "./goim.js"
 * @import { Stored } from "./chat-message.js"
 */

import { readHistory } from "./chat-message.js";
import { SendError } from "./goim.js";
import { refusalWords } from "./words.js";

const PAGE_MESSAGES = 50;

/**
 * Ask for the page before a sequence, 0 for the newest. Returns what is to be shown of it, null
 * where nothing came.
 *
 * @param {GoimClient} client @param {Conversation} one @param {number} before
 * @returns {Promise<Stored[] | null>}
 */
export async function loadPage(client, one, before) {
  if (one.loading) return null;
  one.loading = true;
  try {
    const { messages, more } = await client.history(one.target, { before, limit: PAGE_MESSAGES });
    one.loaded = true;
    one.more = more && messages.length > 0;
    return /** @type {Stored[]} */ (messages.map(readHistory).filter(isShown));
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    if (error.refusal.retry === "never") giveUp(one, error);
    return null;
  } finally {
    one.loading = false;
  }
}

/** The newest message, null where it can't be had. @param {GoimClient} client @param {Conversation} one */
export async function loadNewest(client, one) {
  try {
    const { messages } = await client.history(one.target, { limit: 1 });
    return messages.map(readHistory).find(isShown) ?? null;
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    return null;
  }
}

function giveUp(/** @type {Conversation} */ one, /** @type {SendError} */ error) {
  one.loaded = true;
  one.more = false;
  if (!one.out) one.list?.addNotice([`Earlier messages: ${refusalWords(error.refusal)}`]);
}

function isShown(/** @type {Stored | null} */ message) {
  return message?.kind === "chat" || message?.kind === "service";
}
