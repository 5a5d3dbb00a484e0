/**
 * The chat page: it connects the parts. messenger.js talks with the server and knows all that is
 * said; the other modules draw.
 *
 * @import { Conversation } from "./conversation.js"
 * @import { State } from "./goim.js"
 */

import { ApiError } from "./api.js";
import { Composer } from "./composer.js";
import { Dialogs } from "./dialogs.js";
import { find, paintAvatar, problemWords, setText } from "./elements.js";
import { LogView } from "./log-view.js";
import { loadProfile } from "./memory.js";
import { MemberDialog } from "./member-dialog.js";
import { Messenger } from "./messenger.js";
import { Panel } from "./panel.js";
import { isAdmin, isMember, roomId, roomTitle } from "./room-record.js";
import { Session } from "./session.js";
import { SideDrawer } from "./side-drawer.js";
import { SideList, titleOf } from "./side-list.js";
import { typingWords } from "./typing.js";
import { Welcome } from "./welcome.js";
import { refusalWords } from "./words.js";
import { workerTimers } from "./worker-timers.js";

const REFRESH_SECONDS = 20; // between two looks at one's rooms: nobody tells of invitations
const TOKEN_CODES = [4001, 4002];
const NARROW = "(max-width: 760px)";
const NARROW_PANEL = "(max-width: 1100px)";

const profile = loadProfile();
const session = new Session(workerTimers, (words) => welcome(`Please log in again: ${words}.`));
let messenger = /** @type {Messenger | null} */ (null);
let connection = /** @type {State["state"]} */ ("connecting");
let countdown = 0;
const changes = /** @type {Set<Conversation | null>} */ (new Set());
let refreshTimer = 0;

const talk = () => /** @type {Messenger} */ (messenger);
const nameOf = (/** @type {number} */ mid) => messenger?.names.of(mid) ?? "";
const log = new LogView(
  { log: find("log"), empty: find("empty"), toEnd: find("to-end"), toEndText: find("to-end-text") },
  {
    onEnd: () => markRead(),
    onTop: () => messenger?.current && messenger.loadOlder(messenger.current),
  },
);
const side = new SideDrawer(find("side"), find("side-open"), find("side-close"), find("shade"), NARROW);
const panelDrawer = new SideDrawer(find("panel"), find("panel-open"), find("panel-close"), find("shade"), NARROW_PANEL);
const sideList = new SideList({
  nameOf: (one) => titleOf(one, nameOf),
  hrefOf: (one) => `#${hashOf(one)}`,
  answer: (one, call) => answerInvitation(one, call),
});
const panel = new Panel(() => talk().calls, () => session.mid, nameOf, (mid) => pickMember(mid), () => showHeader());
const memberDialog = new MemberDialog(talk, () => session.mid, (mid) => show(talk().get("member", mid)));
const composer = new Composer(
  { form: find("compose"), field: find("text"), length: find("text-length"), button: find("send") },
  { bodyOf: (text) => bodyOf(text), send: (text) => send(text), typing: () => write() },
);
new Dialogs(talk, (one) => show(one));
const start = new Welcome(session, profile, (room) => enter(room));

find("log-out").addEventListener("click", () => logOut());
find("leave-room").addEventListener("click", () => leaveRoom());
find("join-room").addEventListener("click", () => messenger?.current && answerInvitation(messenger.current, "join"));
find("out-action").addEventListener("click", () => messenger?.current && messenger.enter(messenger.current));
find("banner-action").addEventListener("click", () => {
  if (connection === "ended") messenger?.start();
  else messenger?.retryNow();
});
addEventListener("online", () => messenger?.retryNow());
addEventListener("pagehide", () => messenger?.stop()); // the browser may keep the page, connection and all
addEventListener("pageshow", (event) => event.persisted && messenger?.start());
addEventListener("beforeunload", (event) => messenger?.hasUnsent && event.preventDefault());
addEventListener("hashchange", () => messenger && showWanted());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    messenger?.current?.list?.endUnread();
    if (messenger?.current) messenger.current.list?.beginUnread(messenger.current.last);
    return;
  }
  messenger?.retryNow();
  markRead();
});

if (session.restore()) enter("");
else if (profile.name && hashText()) guestAgain();
else start.show("", { room: hashRoom() });

/** A guest who comes back under the same name. */
function guestAgain() {
  session.enterAsGuest(profile.mid, profile.name, session.guestToken);
  enter("");
}

/** Leave all, and show the first page. */
function welcome(/** @type {string} */ problem, /** @type {{room?: string, needsToken?: boolean}} */ wanted = {}) {
  messenger?.stop();
  messenger = null;
  clearInterval(countdown);
  clearInterval(refreshTimer);
  panel.watch(null);
  log.show(null);
  start.show(problem, wanted);
}

/** One is somebody now. @param {string} room to show at once, or "" */
function enter(room) {
  find("welcome").hidden = true;
  find("chat").hidden = false;
  setText(find("me-name"), session.name);
  paintAvatar(find("me-avatar"), session.mid, session.name);
  messenger = new Messenger(session, profile, {
    onState: handleState,
    onChange: handleChange,
    onAdded: handleAdded,
    onPush: (text) => messenger?.current?.list?.addNotice([`From a service: ${text}`]),
    onHistory: handleHistory,
  });
  if (room) history.replaceState(null, "", `#${hashOf(messenger.visit(room))}`);
  for (const one of messenger.visited) messenger.get("room", one);
  messenger.start();
  refreshTimer = setInterval(() => !document.hidden && refresh(), REFRESH_SECONDS * 1000);
  showWanted();
}

/** The conversation that the address names. */
function showWanted() {
  const text = hashText();
  if (!text) return show(null);
  const mid = Number(text.slice(1));
  if (text.startsWith("@") && Number.isSafeInteger(mid)) return show(talk().get("member", mid));
  const id = roomId(text);
  show(talk().conversations.get(`room:${id}`) ?? talk().visit(id));
}

function show(/** @type {Conversation | null} */ one) {
  const old = talk().current;
  if (old && old !== one) {
    old.draft = composer.text;
    old.list?.endUnread();
  }
  const isNew = one !== old;
  const hash = one ? `#${hashOf(one)}` : "";
  if (location.hash !== hash) history.pushState(null, "", hash || location.pathname);
  side.close();
  panelDrawer.close();
  if (one) talk().open(one);
  else talk().current = null;
  if (isNew || !one) {
    log.show(one?.list ?? null);
    composer.text = one?.draft ?? "";
    find("log").ariaLive = "off";
  }
  if (one?.kind === "room" && !one.record?.whole) refreshRecord(one);
  panel.watch(one);
  changes.add(null);
  draw(); // so that the field is there to get the focus
  if (!one) side.open(); // where it is a drawer
  else if (!matchMedia("(pointer: coarse)").matches) composer.focus();
}

/** Its members, if it has a list. */
function refreshRecord(/** @type {Conversation} */ room) {
  talk().rooms("get", room).then(() => panel.watch(talk().current)).catch((error) => {
    if (!(error instanceof ApiError)) throw error;
  });
}

function refresh() {
  messenger?.refresh().catch((error) => {
    if (!(error instanceof ApiError)) throw error;
  });
}

function handleState(/** @type {State} */ state) {
  if (!messenger) return;
  connection = state.state;
  find("state").dataset.state = state.state;
  clearInterval(countdown);
  if (state.state === "connecting") setText(find("state"), "Connecting");
  if (state.state === "online") {
    setText(find("state"), session.isAccount ? "Connected" : "Connected as a guest");
    find("banner").hidden = true;
    if (messenger.current) panel.watch(messenger.current);
  }
  if (state.state === "waiting") {
    setText(find("state"), "Offline");
    countDown(state.seconds);
  }
  if (state.state === "ended" && state.ending) handleEnd(state.ending);
}

/** @param {import("./goim-endings.js").Ending} ending it does not try again */
function handleEnd({ code, message }) {
  setText(find("state"), "Ended");
  const reason = session.token ? message : "nobody gets in without an account or a token";
  const words = refusalWords({ message: `the server did not let you in: ${reason}` });
  if (!session.isThere) return; // the first page is shown already
  if (TOKEN_CODES.includes(code) && !session.isAccount) {
    const room = hashRoom();
    session.logOut();
    welcome(words, { room, needsToken: true });
  } else if (TOKEN_CODES.includes(code)) {
    session.logOut();
    welcome(words);
  } else {
    showBanner(`The server ended the connection: ${message}.`, "Connect again");
  }
}

/** Something has changed: drawn once, however much changes in one go. */
function handleChange(/** @type {Conversation | null} */ changed) {
  if (!changes.size) queueMicrotask(draw);
  changes.add(changed);
}

function draw() {
  const changed = [...changes];
  changes.clear();
  if (!messenger) return;
  const { current } = messenger;
  sideList.draw(messenger.conversations.values(), current);
  setText(find("side-badge"), messenger.unread ? String(messenger.unread) : "");
  find("side-badge").hidden = !messenger.unread;
  if (!changed.includes(null) && !changed.includes(current)) return showTitle();
  panel.draw();
  showHeader();
  showRoom();
}

function showHeader() {
  const current = messenger?.current ?? null;
  const name = current ? titleOf(current, nameOf) : "";
  setText(find("room-name"), name);
  find("room-name").dir = "auto";
  setText(find("room-words"), panel.words);
  find("panel-open").hidden = current?.kind !== "room";
  setText(find("panel-count"), String(panel.count || ""));
  showTitle();
}

function showRoom() {
  const current = messenger?.current ?? null;
  const record = current?.record;
  const role = record?.whole ? record.role : "";
  const isOut = Boolean(current?.out) || record?.access === "closed";
  const isListener = record?.senders === "admins" && !isAdmin(record.role);
  find("out").hidden = !current || !(isOut || isListener);
  composer.show(Boolean(current) && !isOut && !isListener);
  find("out-action").hidden = !current?.out || current.out.retry === "never";
  setText(find("out-words"), outWords(current));
  setText(find("typing"), current ? typingWords(messenger?.typing.in(current.key).map(nameOf) ?? []) : "");
  setText(find("panel-words"), record?.description ?? "");
  find("panel-words").hidden = !record?.description;
  find("invite-open").hidden = !isAdmin(role);
  find("settings-open").hidden = !isAdmin(role);
  find("join-room").hidden = isOut || record?.access !== "public" || isMember(record.role);
  find("leave-room").hidden = current?.kind !== "room" || role === "owner";
  setText(find("leave-room"), isOut ? "Take off the list" : "Leave the room");
  panelDrawer.allow(current?.kind === "room");
  log.showEmpty(emptyWords(current));
  if (current?.loaded) setTimeout(() => (find("log").ariaLive = "polite")); // what comes now is new
}

function outWords(/** @type {Conversation | null} */ current) {
  if (current?.out) return refusalWords(current.out);
  if (current?.record?.access === "closed") return "The room is closed.";
  return "Only the owner and admins write here.";
}

function emptyWords(/** @type {Conversation | null} */ current) {
  if (!current) {
    return messenger?.conversations.size ? "Pick a room or somebody to talk with." : "Open a room, find one, or write to somebody.";
  }
  if (!current.list?.isEmpty) return "";
  if (current.out) return "Nothing to see here.";
  return current.loaded ? "Nothing has been said here yet. Say hello!" : "Loading …";
}

function showTitle() {
  const unread = messenger?.unread ?? 0;
  const name = messenger?.current ? `${titleOf(messenger.current, nameOf)} · ` : "";
  document.title = `${unread ? `(${unread}) ` : ""}${name}Goimbus`;
}

function handleAdded(/** @type {Conversation} */ where, /** @type {boolean} */ fromOthers) {
  const isShown = where === messenger?.current;
  if (isShown) {
    log.added(fromOthers);
    if (log.atEnd) markRead();
  }
  if ((!isShown || log.atEnd) && where.list?.trim()) where.more = true;
  handleChange(where);
}

/** @param {Conversation} one @param {() => void} change adds messages @param {boolean} isNewest */
function handleHistory(one, change, isNewest) {
  if (one !== messenger?.current) return change();
  log.keepPlace(change);
  if (isNewest) log.scrollToUnread();
  markRead();
}

/** What is at the end of the log has been seen, if somebody looks. */
function markRead() {
  const current = messenger?.current;
  if (current?.loaded && !document.hidden && log.atEnd) messenger?.markRead(current);
}

function send(/** @type {string} */ text) {
  const { current } = talk();
  if (current) talk().send(current, text);
  log.scrollToEnd();
}

function write() {
  if (messenger?.current) messenger.typing.write(messenger.current.key);
}

function bodyOf(/** @type {string} */ text) {
  return messenger?.current ? messenger.outbox.bodyOf(messenger.current, text) : text;
}

function pickMember(/** @type {number} */ mid) {
  const { current } = talk();
  if (current) memberDialog.open(current, mid, panel.stateOf(mid));
}

async function answerInvitation(/** @type {Conversation} */ room, /** @type {"join" | "leave"} */ call) {
  try {
    await talk().rooms(call, room);
    if (call === "leave") return talk().forget(room);
    talk().enter(room);
    show(room);
  } catch (error) {
    showBanner(problemWords(error), "");
    refresh();
  }
}

async function leaveRoom() {
  const room = talk().current;
  if (!room || (!room.out && !confirm(`Leave ${titleOf(room, nameOf)}?`))) return;
  try {
    if (room.record?.role && !room.out) await talk().rooms("leave", room);
  } catch (error) {
    return showBanner(problemWords(error), "");
  }
  talk().forget(room);
  show(null);
}

async function logOut() {
  if (messenger?.hasUnsent && !confirm("Some of your messages are not sent yet. Leave them?")) return;
  const ending = session.logOut();
  history.replaceState(null, "", location.pathname);
  welcome("");
  await ending;
}

/** @param {string} text @param {string} action "": it goes away at the next state */
function showBanner(text, action) {
  find("banner-text").textContent = text;
  find("banner-action").textContent = action;
  find("banner-action").hidden = !action;
  find("banner").hidden = false;
}

function countDown(/** @type {number} */ seconds) {
  const until = performance.now() + seconds * 1000;
  const tell = () => {
    const left = Math.max(1, Math.ceil((until - performance.now()) / 1000));
    showBanner(`No connection. Trying again in ${left} s.`, "Try now");
  };
  tell();
  countdown = setInterval(tell, 1000);
}

function hashOf(/** @type {Conversation} */ { kind, id }) {
  return kind === "member" ? `@${id}` : encodeURIComponent(roomTitle(String(id)));
}

function hashText() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

function hashRoom() {
  return hashText().startsWith("@") ? "" : roomId(hashText());
}
