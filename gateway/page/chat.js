/**
 * The chat page: a name, a room, the people there. goim.js speaks with the gateway, the other
 * modules draw and remember; this one connects them.
 *
 * @import { Ending, Gap, Message, State } from "./goim.js"
 */

import { encodeChat, hue, initials, readMessage } from "./chat-message.js";
import { Composer } from "./composer.js";
import { GoimClient, SendError } from "./goim.js";
import { loadProfile, loadRoom, loadToken, saveProfile, saveRoom, saveToken } from "./memory.js";
import { MessageList, node } from "./message-list.js";
import { People } from "./people.js";
import { SideDrawer } from "./side-drawer.js";
import { workerTimers } from "./worker-timers.js";

const ROOM_PREFIX = "chat://";
const FIRST_MESSAGES = 50; // shown on the first visit to a room
const FIRST_SERVICE_MESSAGES = { member: -5, all: -5 };
const SERVICE_OPERATION = 1000; // of pushes to a member or to all that are shown here
const HEARTBEAT_SECONDS = 5; // each brings the online count
const SAVE_MS = 300;
const TOKEN_CODES = [4001, 4002];
const ROOM_REFUSED = 4006;

const find = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const profile = loadProfile();
const list = new MessageList({
  log: find("log"),
  list: find("messages"),
  toEnd: find("to-end"),
  toEndText: find("to-end-text"),
});
const people = new People({ list: find("people"), note: find("people-note") }, (mid) =>
  list.nameOf(mid),
);
const composer = new Composer(
  { form: find("compose"), field: find("text"), length: find("text-length"), button: find("send") },
  () => profile.name,
  sendText,
);
const drawer = new SideDrawer(find("side"), find("side-open"), find("side-close"), find("shade"));

let client = /** @type {GoimClient | null} */ (null);
let room = ""; // its whole id, such as chat://lobby
let returning = false; // there were messages of an earlier visit: what comes first was missed
let live = false; // what comes now is new
let unseen = 0; // that came while nobody looked
let saveTimer = 0;
let countdown = 0;

find("join").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  profile.name = find("join-name").value.trim();
  if (!find("join-token-field").hidden) saveToken(find("join-token").value.trim());
  if (profile.name) enter(roomId(find("join-room").value));
});
find("go-to").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const name = find("go-to-room").value;
  find("go-to-room").value = "";
  if (mayLeave()) enter(roomId(name));
});
find("leave").addEventListener("click", () => mayLeave() && welcome());
find("banner-action").addEventListener("click", () => {
  if (find("banner-action").dataset.act === "connect") connectAgain();
  else client?.retryNow();
});
addEventListener("online", () => client?.retryNow());
addEventListener("pagehide", disconnect); // the browser may keep the page, connection and all
addEventListener("pageshow", (event) => {
  if (event.persisted && !find("chat").hidden) enter(room);
});
addEventListener("beforeunload", (event) => list.hasUnsent && event.preventDefault());
addEventListener("hashchange", () => {
  const wanted = roomId(hashRoom());
  if (!client || !wanted || wanted === room) return;
  if (mayLeave()) enter(wanted);
  else showRoomInAddress();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    list.removeUnreadLine();
    save();
    return;
  }
  unseen = 0;
  showTitle();
  client?.retryNow();
});

const first = roomId(hashRoom()) || profile.rooms[0] || "";
if (profile.name && first) enter(first);
else welcome("", first);

/**
 * Leave, and show the form to enter.
 *
 * @param {string} [problem] @param {string} [wanted] a room @param {boolean} [needsToken]
 */
function welcome(problem = "", wanted = room, needsToken = false) {
  disconnect();
  people.stop();
  drawer.close();
  find("chat").hidden = true;
  find("welcome").hidden = false;
  find("join-name").value = profile.name;
  find("join-room").value = roomName(wanted) || "lobby";
  find("join-problem").textContent = problem;
  find("join-problem").hidden = !problem;
  if (needsToken) find("join-token-field").hidden = false;
  find("join-token").required = !find("join-token-field").hidden;
  document.title = "Goimbus chat";
  find(needsToken ? "join-token" : profile.name ? "join-room" : "join-name").focus();
}

/** @param {string} wanted a whole room id */
function enter(wanted) {
  if (!wanted) return;
  disconnect();
  room = wanted;
  profile.rooms = [room, ...profile.rooms.filter((one) => one !== room)];
  saveProfile(profile);
  showRoomInAddress();
  const kept = loadRoom(room, profile.mid);
  list.clear();
  for (const message of kept.messages) list.add(message, { mine: message.from === profile.mid });
  returning = kept.messages.length > 0;
  live = false;
  unseen = 0;
  showRoom();
  connect(kept.position ?? -FIRST_MESSAGES);
  list.scrollToEnd();
  if (!matchMedia("(pointer: coarse)").matches) composer.focus();
}

/** Unsent messages are in this page only. */
function mayLeave() {
  return !list.hasUnsent || confirm("Some of your messages are not sent yet. Leave them?");
}

function showRoomInAddress() {
  history.replaceState(null, "", `#${encodeURIComponent(roomName(room))}`);
}

/** @param {number} position in the room: the last sequence that came, or -n for the newest n */
function connect(position) {
  const url = new URL("sub", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  const resume = { ...FIRST_SERVICE_MESSAGES, ...profile.positions, [topic()]: position };
  const accepts = [SERVICE_OPERATION];
  const identity = { mid: profile.mid, room, accepts, token: loadToken(), resume };
  const options = { mostHeartbeatSeconds: HEARTBEAT_SECONDS, timers: workerTimers };
  client = new GoimClient(
    url.href,
    identity,
    {
      onState: handleState,
      onMessage: handleMessage,
      onGap: handleGap,
      onLive: handleLive,
      onOnline: handleOnline,
    },
    options,
  );
  client.open();
}

/** After the server ended it: go on where it was, with the unsent messages still in the list. */
function connectAgain() {
  const position = client?.positions[topic()];
  disconnect();
  find("banner").hidden = true;
  connect(position ?? -FIRST_MESSAGES);
}

/** Nothing that the client says from now on counts. */
function disconnect() {
  save();
  const old = client;
  client = null;
  clearInterval(countdown);
  old?.close();
}

function handleState(/** @type {State} */ state) {
  if (!client) return;
  find("state").dataset.state = state.state;
  clearInterval(countdown);
  if (state.state === "connecting") {
    find("state").textContent = "Connecting";
  } else if (state.state === "online") {
    find("state").textContent = "Connected";
    find("banner").hidden = true;
    recognize(state.mid);
    people.watch(room, { mid: profile.mid, name: profile.name });
  } else if (state.state === "waiting") {
    find("state").textContent = "Offline";
    find("online").textContent = "–";
    countDown(state.seconds);
  } else if (state.ending) {
    handleEnd(state.ending);
  }
}

/** @param {Ending} ending the server does not want this client to come back as it is */
function handleEnd({ code, message }) {
  find("state").textContent = "Ended";
  if (TOKEN_CODES.includes(code)) {
    saveToken("");
    welcome(`The server did not let you in: ${message}.`, room, true);
  } else if (code === ROOM_REFUSED) {
    welcome(`The server did not let you in: ${message}.`);
  } else {
    showBanner(`The server ended the connection: ${message}.`, "Connect again", "connect");
  }
}

/** A token says who one is, whatever the page thought. @param {number} mid */
function recognize(mid) {
  if (mid === profile.mid) return;
  profile.mid = mid;
  saveProfile(profile);
}

function handleMessage(/** @type {Message} */ message) {
  const shown = readMessage(message, Date.now());
  if (!client || !shown) return;
  const mine = shown.kind === "chat" && shown.from === profile.mid;
  if (message.topic !== topic()) {
    list.addNotice(`${message.topic === "all" ? "To everybody" : "To you"}: ${shown.text}`);
    saveSoon();
    return;
  }
  const missed = !live && returning;
  const added = list.add(shown, { mine, unread: missed || (live && document.hidden) });
  if (added && !mine && (document.hidden || missed)) {
    unseen += 1;
    showTitle();
  }
  showEmpty();
  saveSoon();
}

function handleGap(/** @type {Gap} */ gap) {
  if (client && gap.topic === topic()) {
    list.addNotice("Some messages from while you were away are no longer kept.");
  }
  saveSoon();
}

/** @param {string} which the topic of which all that was missed has come */
function handleLive(which) {
  if (!client || which !== topic()) return;
  live = true;
  find("log").setAttribute("aria-live", "polite");
  showEmpty();
  people.draw();
  saveSoon();
}

function handleOnline(/** @type {number} */ count) {
  if (!client) return;
  const text = String(count);
  if (find("online").textContent === text) return;
  find("online").textContent = text;
  people.refresh();
}

function sendText(/** @type {string} */ text) {
  const { mid: from, name } = profile;
  const message = { sequence: 0, from, name, text, time: Date.now(), kind: "chat" };
  const entry = list.addPending(message);
  list.removeUnreadLine();
  showEmpty();
  send(entry, encodeChat(name, text));
}

/**
 * @param {import("./message-list.js").Entry} entry
 * @param {string} body
 * @param {number} [number] that of an earlier try: the server stores it once
 */
async function send(entry, body, number) {
  const sender = client;
  try {
    const answer = await sender?.send(body, { number });
    if (answer && sender === client) list.confirm(entry, answer.sequence);
    saveSoon();
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    if (sender === client) list.fail(entry, error.message, () => send(entry, body, error.number));
  }
}

function showRoom() {
  find("welcome").hidden = true;
  find("chat").hidden = false;
  drawer.close();
  find("banner").hidden = true;
  find("room-name").textContent = roomName(room);
  find("me-name").textContent = profile.name;
  find("me-avatar").textContent = initials(profile.name);
  find("me-avatar").style.setProperty("--hue", String(hue(profile.mid)));
  find("rooms").replaceChildren(...profile.rooms.map(drawRoom));
  find("online").textContent = "–";
  showEmpty();
  showTitle();
  composer.measure();
}

function drawRoom(/** @type {string} */ one) {
  const item = node("li", "");
  const link = /** @type {HTMLAnchorElement} */ (node("a", "room-link", roomName(one)));
  link.href = `#${encodeURIComponent(roomName(one))}`;
  if (one === room) link.setAttribute("aria-current", "page");
  item.append(link);
  return item;
}

function showEmpty() {
  find("empty").hidden = !list.isEmpty;
  find("empty").textContent = live ? "Nothing has been said here yet. Say hello!" : "Loading …";
}

function showTitle() {
  document.title = `${unseen ? `(${unseen}) ` : ""}${roomName(room)} · Goimbus`;
}

function showBanner(/** @type {string} */ text, /** @type {string} */ action, act = "retry") {
  find("banner-text").textContent = text;
  find("banner-action").textContent = action;
  find("banner-action").dataset.act = act;
  find("banner").hidden = false;
}

function countDown(/** @type {number} */ seconds) {
  const until = performance.now() + seconds * 1000;
  const show = () => {
    const left = Math.max(1, Math.ceil((until - performance.now()) / 1000));
    showBanner(`No connection. Trying again in ${left} s.`, "Try now");
  };
  show();
  countdown = setInterval(show, 1000);
}

function saveSoon() {
  saveTimer ||= setTimeout(save, SAVE_MS);
}

function save() {
  clearTimeout(saveTimer);
  saveTimer = 0;
  if (!client) return;
  const { [topic()]: position, ...others } = client.positions;
  profile.positions = others;
  saveProfile(profile);
  if (position >= 0) saveRoom(room, profile.mid, { messages: list.stored, position });
}

function topic() {
  return `room:${room}`;
}

/** @param {string} name as people write it @returns {string} "" for no name */
function roomId(name) {
  const trimmed = name.trim();
  return !trimmed || trimmed.includes("://") ? trimmed : ROOM_PREFIX + trimmed;
}

function roomName(/** @type {string} */ id) {
  return id.startsWith(ROOM_PREFIX) ? id.slice(ROOM_PREFIX.length) : id;
}

function hashRoom() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}
