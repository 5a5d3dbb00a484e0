/**
 * All that one talks in: it keeps the connection, the rooms and the members one talks with, their
 * messages and what of them is unread. The page shows it.
 *
 * @import { Refusal } from "./goim-requests.js"
 * @import { Message, State } from "./goim.js"
 * @import { Stored } from "./chat-message.js"
 * @import { Profile } from "./memory.js"
 * @import { Session } from "./session.js"
 * @typedef {{onState: (state: State) => void, onChange: (changed: Conversation | null) => void,
 *   onAdded: (where: Conversation, fromOthers: boolean) => void, onPush: (text: string) => void,
 *   onHistory: (where: Conversation, change: () => void, isNewest: boolean) => void}} Handlers
 *   `onHistory` must call `change`, which adds a page of messages
 */

import { ApiError } from "./api.js";
import { Calls } from "./calls.js";
import { CHAT_OPERATION, readMessage, SIGNAL_OPERATION } from "./chat-message.js";
import { Conversation } from "./conversation.js";
import { GoimClient, Operation, SendError } from "./goim.js";
import { loadPage } from "./history.js";
import { saveProfile } from "./memory.js";
import { MessageList } from "./message-list.js";
import { Names } from "./names.js";
import { Outbox } from "./outbox.js";
import { applyEvent, readRoom } from "./room-record.js";
import { Typing } from "./typing.js";
import { Unread } from "./unread.js";
import { eventParts } from "./words.js";
import { workerTimers } from "./worker-timers.js";

const MOST_ROOMS = 100; // heard at once, as a gateway lets one
const FIRST_PUSHES = { member: -5, all: -5 };
const OFF_THE_LIST = ["kicked", "left", "banned", "not_a_member"]; // so one is no member any more
const GONE = "Some messages from while you were away are no longer kept.";

export class Messenger {
  /** By key. @type {Map<string, Conversation>} */
  conversations = new Map();
  /** The one that is shown. @type {Conversation | null} */
  current = null;
  calls;
  names;
  outbox;
  typing;
  #session;
  #profile;
  #handlers;
  #client = /** @type {GoimClient | null} */ (null);
  #unread;
  #refreshing = /** @type {Promise<void> | null} */ (null);

  /** @param {Session} session @param {Profile} profile @param {Handlers} handlers */
  constructor(session, profile, handlers) {
    this.#session = session;
    this.#profile = profile;
    this.#handlers = handlers;
    this.calls = new Calls(session);
    this.names = new Names((asked) => this.calls.names(asked), () => this.#rename());
    this.outbox = new Outbox(session, () => this.#client, (one) => handlers.onAdded(one, false));
    this.typing = new Typing(
      (key) => this.#signal(this.conversations.get(key), "typing"),
      (key) => handlers.onChange(this.conversations.get(key) ?? null),
    );
    this.#unread = new Unread(this.conversations, (kind, id) => this.get(kind, id), handlers.onChange);
    this.names.learn(session.mid, session.name);
  }

  get unread() {
    return [...this.conversations.values()].reduce((sum, one) => sum + one.unread, 0);
  }

  get hasUnsent() {
    return [...this.conversations.values()].some((one) => one.list?.hasUnsent);
  }

  /** Rooms that one went to by their ids. @returns {string[]} */
  get visited() {
    return this.#profile.rooms[this.#session.mid] ?? [];
  }

  /** Connect, and stay connected until `stop`. */
  start() {
    const { mid, token } = this.#session;
    const url = new URL("sub", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    const resume = this.#client?.positions ?? { ...FIRST_PUSHES, ...this.#profile.positions[mid] };
    const accepts = [Operation.SEND_MESSAGE, CHAT_OPERATION, SIGNAL_OPERATION];
    this.#end();
    const renewToken = (/** @type {string} */ old) => this.#session.tokenAfter(old);
    const identity = { mid, token, accepts, resume };
    const options = { timers: workerTimers, renewToken };
    const client = new GoimClient(url.href, identity, this.#clientHandlers(), options);
    this.#client = client;
    for (const one of this.conversations.values()) {
      one.heard = false;
      if (this.#isHeard(one)) this.#join(one);
    }
    client.open();
  }

  stop() {
    this.#savePositions(this.#client);
    this.#end();
  }

  retryNow() {
    this.#client?.retryNow();
  }

  /** @param {"room" | "member"} kind @param {string | number} id @returns {Conversation} */
  get(kind, id) {
    const fresh = new Conversation(kind, id);
    const known = this.conversations.get(fresh.key);
    if (known) return known;
    this.conversations.set(fresh.key, fresh);
    return fresh;
  }

  /** Go to a room by its id, as one does where it has no record. @param {string} id */
  visit(id) {
    const room = this.get("room", id);
    this.#remember([id, ...this.visited.filter((one) => one !== id)]);
    this.#join(room);
    return room;
  }

  /** Ask anew which rooms one is in or invited to. @throws {ApiError} */
  refresh() {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /**
   * A call about a room; what the room is after it is kept.
   *
   * @param {string} name @param {Conversation} room @param {object} [fields]
   * @throws {ApiError}
   */
  async rooms(name, room, fields = {}) {
    const { room: told } = await this.calls.rooms(name, { room: room.id, ...fields });
    const record = readRoom(told, true);
    if (record.revision >= (room.record?.revision ?? 0)) room.record = record;
    this.#handlers.onChange(room);
  }

  /** Go into a room, or go back in. @param {Conversation} room */
  enter(room) {
    room.out = null;
    this.#join(room);
    this.#handlers.onChange(room);
  }

  /** Forget a room that one has left. @param {Conversation} room */
  forget(room) {
    this.#client?.leaveRoom(String(room.id));
    this.conversations.delete(room.key);
    this.#remember(this.visited.filter((one) => one !== room.id));
    this.#handlers.onChange(null);
  }

  /** Show its messages from now on, the newest page first. @param {Conversation} one */
  open(one) {
    this.current = one;
    if (!one.list) {
      one.list = new MessageList((mid) => this.names.of(mid));
      for (const message of one.kept.splice(0)) one.list.add(message, this.#isMine(message));
    }
    if (one.unread) one.list.beginUnread(one.read);
    if (!one.loaded) this.#loadPage(one, 0);
  }

  /** @param {Conversation} one */
  loadOlder(one) {
    if (one.loaded && one.more && one.list?.first) this.#loadPage(one, one.list.first);
  }

  /** All that has come is read. @param {Conversation} one */
  markRead(one) {
    this.#unread.markRead(one);
  }

  /** @param {Conversation} one @param {string} text */
  send(one, text) {
    this.typing.sent(one.key);
    this.outbox.send(one, text);
  }

  /** Tell a member's pages that there is an invitation, so that they look at once. */
  announceInvitation(/** @type {number} */ mid) {
    this.outbox.signal(new Conversation("member", mid), "invited");
  }

  async #refresh() {
    const mine = await this.calls.myRooms();
    const listed = new Set(mine.map((told) => this.#learnRoom(readRoom(told, false)).key));
    for (const id of this.visited) listed.add(this.get("room", id).key);
    for (const one of this.conversations.values()) {
      const isGone = one.kind === "room" && !listed.has(one.key) && !one.out && one !== this.current;
      if (isGone) this.conversations.delete(one.key);
    }
    const rooms = [...this.conversations.values()].filter((one) => this.#isHeard(one));
    for (const one of rooms.slice(0, MOST_ROOMS)) this.#join(one);
    if (this.current?.record?.role && !this.current.record.whole) this.#lookAgain(this.current);
    this.#handlers.onChange(null);
  }

  #learnRoom(/** @type {import("./room-record.js").Room} */ told) {
    const room = this.get("room", told.room);
    const isNews = told.revision > (room.record?.revision ?? 0);
    if (isNews && room.out && told.role && told.role !== "invited") room.out = null;
    if (isNews) room.record = told;
    return room;
  }

  #isHeard(/** @type {Conversation} */ one) {
    return one.kind === "room" && !one.out && one.record?.role !== "invited" && one.record?.access !== "closed";
  }

  #join(/** @type {Conversation} */ room) {
    if (room.heard) return;
    room.heard = true;
    this.#client?.joinRoom(String(room.id), -1);
  }

  #clientHandlers() {
    return {
      onState: (/** @type {State} */ state) => this.#handleState(state),
      onMessage: (/** @type {Message} */ message) => this.#handleMessage(message),
      onGap: (/** @type {{topic: string}} */ gap) => this.#handleGap(gap.topic),
      onJoined: (/** @type {string} */ room) => this.#handleJoined(room),
      onOut: (/** @type {string} */ room, /** @type {Refusal} */ error) => this.#handleOut(room, error),
      onRoomEvent: (/** @type {any} */ event) => this.#handleEvent(event),
      onRead: (/** @type {any} */ told) => this.#unread.count(told),
    };
  }

  /** Nothing that the client says from now on counts. */
  #end() {
    const old = this.#client;
    this.#client = null;
    this.#unread.end();
    old?.close();
  }

  #handleState(/** @type {State} */ state) {
    if (!this.#client) return;
    if (state.state === "online") {
      this.#session.recognize(state.mid);
      this.#unread.begin(this.#client);
      this.refresh().catch(ignoreRefusal);
    }
    this.#handlers.onState(state);
  }

  #handleMessage(/** @type {Message} */ message) {
    const shown = readMessage(message, Date.now());
    if (!shown) return;
    const isRoom = message.topic.startsWith("room:");
    if (!isRoom && !shown.to) {
      if (shown.kind === "service") this.#handlers.onPush(shown.text);
      this.#savePositions(this.#client);
      return;
    }
    this.names.hear(shown.from, shown.name);
    const mine = this.#isMine(shown);
    const peer = mine ? shown.to : shown.from;
    if (shown.kind === "invited") {
      this.refresh().catch(ignoreRefusal);
      return;
    }
    const one = isRoom ? this.get("room", message.topic.slice(5)) : this.get("member", peer);
    if (shown.kind === "typing") {
      if (!mine) this.typing.hear(one.key, shown.from);
      return;
    }
    this.typing.end(one.key, shown.from);
    if (!isRoom) one.countAlone(); // it may be the first from this member
    one.receive(shown, mine);
    one.list?.add(shown, mine);
    this.#handlers.onAdded(one, !mine);
  }

  #handleGap(/** @type {string} */ topic) {
    const one = this.conversations.get(topic);
    one?.list?.addNotice([GONE]);
    if (one) this.#handlers.onAdded(one, false);
  }

  #handleJoined(/** @type {string} */ room) {
    const one = this.get("room", room);
    one.out = null;
    this.#unread.askAbout(room);
    if (one === this.current && !one.loaded) this.#loadPage(one, 0);
    if (one === this.current && one.record && !one.record.whole) this.#lookAgain(one);
    this.#handlers.onChange(one);
  }

  #handleOut(/** @type {string} */ room, /** @type {Refusal} */ error) {
    const one = this.conversations.get(`room:${room}`);
    if (!one) return;
    one.heard = false;
    one.out = error;
    const isOffTheList = OFF_THE_LIST.includes(error.reason ?? "");
    if (one.record && isOffTheList) one.record = { ...one.record, role: "", whole: false };
    this.refresh().catch(ignoreRefusal);
    this.#handlers.onChange(one);
  }

  #handleEvent(/** @type {any} */ event) {
    const one = this.conversations.get(`room:${event.room}`);
    if (!one) return;
    const parts = eventParts(event);
    if (parts.length) one.list?.addNotice(parts);
    if (one.record) one.record = applyEvent(one.record, event, this.#session.mid) ?? this.#lookAgain(one);
    this.#handlers.onAdded(one, false);
    this.#handlers.onChange(one);
  }

  /** Only the server can tell what the room is now. */
  #lookAgain(/** @type {Conversation} */ room) {
    if (room.record?.role === "invited") return room.record;
    this.rooms("get", room).catch(ignoreRefusal);
    return room.record;
  }

  async #loadPage(/** @type {Conversation} */ one, /** @type {number} */ before) {
    if (!this.#client) return;
    const page = await loadPage(this.#client, one, before);
    const add = () => page?.forEach((message) => this.#addOld(one, message));
    if (page) this.#handlers.onHistory(one, add, before === 0);
    this.#handlers.onChange(one);
  }

  #addOld(/** @type {Conversation} */ one, /** @type {Stored} */ message) {
    this.names.hear(message.from, message.name);
    one.list?.add(message, this.#isMine(message));
    one.last = Math.max(one.last, message.sequence);
    if (message.sequence >= (one.preview?.sequence ?? 0)) one.preview = message;
  }

  #signal(/** @type {Conversation | undefined} */ one, /** @type {"typing"} */ signal) {
    if (one && !one.out) this.outbox.signal(one, signal);
  }

  #isMine(/** @type {Stored} */ { kind, from }) {
    return kind !== "service" && from === this.#session.mid;
  }

  #remember(/** @type {string[]} */ rooms) {
    this.#profile.rooms[this.#session.mid] = rooms;
    saveProfile(this.#profile);
  }

  #rename() {
    for (const one of this.conversations.values()) one.list?.rename();
    this.#handlers.onChange(null);
  }

  /** Up to where pushes of services have been shown, for the next visit. */
  #savePositions(/** @type {GoimClient | null} */ client) {
    if (!client) return;
    const { member = 0, all = 0 } = client.positions;
    this.#profile.positions = { [this.#session.mid]: { member, all } };
    saveProfile(this.#profile);
  }
}

/** What was asked on the side may be refused or get no answer: it is asked again at its time. */
function ignoreRefusal(/** @type {any} */ error) {
  if (!(error instanceof ApiError) && !(error instanceof SendError)) throw error;
}
