/** GoimClient with a socket that the test holds, and timers that the test moves. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { load } from "./load.mjs";

const { decodeFrames, encodeFrame, GoimClient, Operation, SendError } = await load("goim.js");

class FakeSocket {
  static OPEN = 1;
  static all = [];
  readyState = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  send(data) {
    this.sent.push(...decodeFrames(data));
  }

  close(code) {
    this.closed = code;
    this.readyState = 3;
  }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  give(...frames) {
    this.onmessage({ data: Uint8Array.from(Buffer.concat(frames)).buffer });
  }

  drop(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose({ code, reason });
  }

  /** What was sent with an operation, as [sequence, JSON or text]. */
  of(operation) {
    return this.sent
      .filter((frame) => frame.operation === operation)
      .map(({ sequence, body }) => [sequence, new TextDecoder().decode(body)]);
  }
}

let seen;
let client;

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(Math, "random", () => 0.5);
  globalThis.WebSocket = FakeSocket;
  FakeSocket.all = [];
  seen = [];
});

afterEach(() => {
  client.close();
  mock.timers.reset();
  mock.restoreAll();
});

const json = (operation, values, sequence = 0) => encodeFrame(operation, JSON.stringify(values), sequence);
const topic = (name, sequence, live) => json(Operation.TOPIC, { topic: name, sequence, live });
const last = () => FakeSocket.all.at(-1);
const settle = () => new Promise((resolve) => setImmediate(resolve));

function connect(identity = { mid: 7, room: "chat://a" }, options = {}) {
  client = new GoimClient("ws://x/sub", identity, {
    onState: ({ state, ending }) => seen.push(ending ? [state, ending.code] : [state]),
    onMessage: (message) => seen.push([message.topic, message.sequence, message.text()]),
    onGap: (gap) => seen.push(["gap", gap]),
    onLive: (name, sequence) => seen.push(["live", name, sequence]),
    onOnline: (count) => seen.push(["online", count]),
    onJoined: (room) => seen.push(["joined", room]),
    onOut: (room, error) => seen.push(["out", room, error.reason]),
    onRoomEvent: (event) => seen.push(["event", event.event]),
    onRead: ({ rooms }) => seen.push(["read", rooms]),
  }, options);
  client.open();
  logIn();
}

function logIn(told = {}) {
  const values = { key: "made", room: "chat://a", mid: 7, heartbeat: 25, ext: 1, ...told };
  last().open();
  last().give(json(Operation.AUTH_REPLY, values, 1));
}

test("the auth frame says who, where and from which position", () => {
  connect({ mid: 7, room: "chat://a", accepts: [1], token: "t", resume: { "room:chat://a": -50 } });
  assert.deepEqual(JSON.parse(last().of(Operation.AUTH)[0][1]), {
    mid: 7,
    key: "",
    room_id: "chat://a",
    platform: "web",
    accepts: [1],
    ext: 1,
    resume: { rooms: { "chat://a": -50 } },
    token: "t",
  });
  assert.deepEqual(seen, [["connecting"], ["online"]]);
  assert.equal(last().of(Operation.HEARTBEAT).length, 1);
});

test("messages come with topic and sequence, then the word that they are all", () => {
  connect();
  last().give(
    topic("room:chat://a", 2 ** 32 + 2),
    encodeFrame(4, "one", 1),
    encodeFrame(4, "two", 2),
    topic("key", 0),
    encodeFrame(1000, "three", 0),
  );
  last().give(topic("room:chat://a", 2 ** 32 + 2, true));
  last().give(json(Operation.GAP, { topic: "all", after: 1, to: 5 }));
  last().give(encodeFrame(Operation.HEARTBEAT_REPLY, new Uint8Array([0, 0, 1, 2])));
  assert.deepEqual(seen.slice(2), [
    ["room:chat://a", 2 ** 32 + 1, "one"],
    ["room:chat://a", 2 ** 32 + 2, "two"],
    ["key", 0, "three"],
    ["live", "room:chat://a", 2 ** 32 + 2],
    ["gap", { topic: "all", after: 1, to: 5 }],
    ["online", 258],
  ]);
});

test("after a lost connection it resumes with its key, and repeats are dropped", () => {
  connect();
  last().give(topic("room:chat://a", 5), encodeFrame(4, "five", 5));
  last().drop();
  assert.deepEqual(seen.at(-1), ["waiting", 1006]);
  mock.timers.tick(250);
  logIn();
  const auth = JSON.parse(last().of(Operation.AUTH)[0][1]);
  assert.deepEqual([auth.key, auth.resume], ["made", { rooms: { "chat://a": 5 } }]);
  last().give(topic("room:chat://a", 6), encodeFrame(4, "five", 5), encodeFrame(4, "six", 6));
  assert.deepEqual(seen.at(-1), ["room:chat://a", 6, "six"]);
  assert.equal(seen.filter(([, , text]) => text === "five").length, 1);
});

test("the device stays what the server took it for, though it made the key", () => {
  connect();
  last().drop();
  mock.timers.tick(250);
  logIn({ device: "web" });
  assert.equal(JSON.parse(last().of(Operation.AUTH)[0][1]).device, undefined);
  last().drop();
  mock.timers.tick(1000);
  logIn({ device: "other" });
  const auth = JSON.parse(last().of(Operation.AUTH)[0][1]);
  assert.deepEqual([auth.key, auth.device], ["made", "web"]);
});

test("a message is sent again under its number until it is answered", async () => {
  connect();
  const sending = client.send("hi");
  const [[number]] = last().of(Operation.SEND_MESSAGE);
  assert.ok(number > 0);
  last().drop();
  mock.timers.tick(250);
  logIn();
  assert.deepEqual(last().of(Operation.SEND_MESSAGE), [[number, "hi"]]);
  last().give(json(Operation.SEND_MESSAGE_REPLY, { sequence: 9, duplicate: true }, number));
  assert.deepEqual(await sending, { sequence: 9, duplicate: true });
  last().give(topic("room:chat://a", 10), encodeFrame(4, "hi", 9), encodeFrame(4, "ho", 10));
  assert.deepEqual(seen.at(-1), ["room:chat://a", 10, "ho"]);
  assert.ok(!seen.some(([, , text]) => text === "hi"));
});

test("a message written while offline goes out at the login", () => {
  connect();
  last().drop();
  client.send("later").catch(() => {});
  mock.timers.tick(250);
  logIn();
  assert.equal(last().of(Operation.SEND_MESSAGE)[0][1], "later");
});

test("a refusal and a missing answer are errors that can be tried again", async () => {
  connect();
  const refused = client.send("a");
  const [[number]] = last().of(Operation.SEND_MESSAGE);
  const error = { code: 429, message: "too fast" };
  last().give(json(Operation.SEND_MESSAGE_REPLY, { error }, number));
  await assert.rejects(refused, (thrown) => thrown instanceof SendError && thrown.number === number);
  const unanswered = client.send("a", { number });
  assert.equal(last().of(Operation.SEND_MESSAGE).at(-1)[0], number);
  mock.timers.tick(20_000);
  await assert.rejects(unanswered, { code: 408, number });
});

test("too long a text is refused before it is sent", async () => {
  connect();
  await assert.rejects(client.send("é".repeat(2049)), { code: 413 });
  assert.equal(last().of(Operation.SEND_MESSAGE).length, 0);
});

test("a pushed op 5 is a message", () => {
  connect();
  last().give(topic("all", 3), encodeFrame(5, '{"test":1}', 3));
  assert.deepEqual(seen.at(-1), ["all", 3, '{"test":1}']);
});

test("an end for good is told, fails who waits, and nothing is tried again", async () => {
  connect();
  const sending = client.send("a");
  last().give(json(Operation.CLOSING, { code: 4011, message: "removed", retry: "never", after: 0 }));
  last().drop(4011, "removed");
  await assert.rejects(sending, { code: 4011, message: "removed" });
  assert.deepEqual(seen.at(-1), ["ended", 4011]);
  mock.timers.tick(3_600_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("a told delay is kept, and retryNow cuts it short", () => {
  connect();
  last().give(json(Operation.CLOSING, { code: 1001, message: "", retry: "now", after: 8 }));
  last().drop(1001);
  mock.timers.tick(7_999);
  assert.equal(FakeSocket.all.length, 1);
  client.retryNow();
  assert.equal(FakeSocket.all.length, 2);
  client.retryNow();
  assert.equal(FakeSocket.all.length, 2);
});

test("a server that falls silent is left", () => {
  connect();
  const first = last();
  mock.timers.tick(10_000);
  assert.deepEqual(seen.at(-1), ["waiting", 1006]);
  assert.equal(first.closed, 4000);
  mock.timers.tick(250);
  assert.equal(FakeSocket.all.length, 2);
});

test("a login that is not answered is given up", () => {
  connect();
  last().drop();
  mock.timers.tick(250);
  mock.timers.tick(15_000);
  assert.deepEqual(seen.at(-1), ["waiting", 1006]);
});

test("bytes that are no frame end the connection", () => {
  connect();
  last().onmessage({ data: new Uint8Array(16).buffer });
  assert.deepEqual(seen.at(-1), ["waiting", 1006]);
});

test("a named device acknowledges what it was given, one without a name does not", async () => {
  connect({ mid: 7, key: "phone" });
  last().give(topic("member", 4), encodeFrame(1, "a", 3), encodeFrame(1, "b", 4));
  mock.timers.tick(500);
  assert.deepEqual(last().of(Operation.ACKNOWLEDGE), [[0, '{"member":4}']]);
  last().give(topic("member", 6), encodeFrame(1, "c", 6));
  const socket = last();
  client.close();
  assert.equal(socket.of(Operation.ACKNOWLEDGE).at(-1)[1], '{"member":6}');
  connect();
  last().give(topic("member", 4), encodeFrame(1, "a", 4));
  mock.timers.tick(500);
  assert.equal(last().of(Operation.ACKNOWLEDGE).length, 0);
  await settle();
});

test("a message goes to a given room or member, and comes back as its own from neither", async () => {
  connect();
  const sending = client.sendTo({ member: 9 }, "psst", { operation: 1000 });
  const [[number, body]] = last().of(Operation.SEND_TO);
  assert.deepEqual(JSON.parse(body), { member: 9, operation: 1000, body: "psst" });
  last().give(json(Operation.SEND_MESSAGE_REPLY, { sequence: 4 }, number));
  assert.deepEqual(await sending, { sequence: 4, duplicate: false });
  last().give(topic("member", 5), encodeFrame(1000, "psst", 4), encodeFrame(1000, "yes?", 5));
  assert.deepEqual(seen.at(-1), ["member", 5, "yes?"]);
  assert.ok(!seen.some(([, , text]) => text === "psst"));
  client.sendTo({ room: "chat://b" }, "all").catch(() => {});
  assert.deepEqual(JSON.parse(last().of(Operation.SEND_TO)[1][1]), { room: "chat://b", operation: 4, body: "all" });
});

test("a refusal says why, for programs and for people", async () => {
  connect();
  const sending = client.sendTo({ room: "chat://b" }, "x");
  const [[number]] = last().of(Operation.SEND_TO);
  const error = { code: 403, reason: "muted", message: "you are muted", retry: "later", after: 9 };
  last().give(json(Operation.SEND_MESSAGE_REPLY, { error }, number));
  await assert.rejects(sending, (thrown) => thrown.message === "you are muted" && thrown.refusal.after === 9);
});

test("what is not kept is not waited for, and not sent later", () => {
  connect();
  client.cast({ room: "chat://a" }, "{}", 1001);
  const [[, body]] = last().of(Operation.SEND_TO);
  assert.deepEqual(JSON.parse(body), { room: "chat://a", operation: 1001, body: "{}", cast: true });
  last().drop();
  client.cast({ room: "chat://a" }, "{}", 1001);
  mock.timers.tick(250);
  logIn();
  assert.equal(last().of(Operation.SEND_TO).length, 0);
});

test("further rooms are joined at each login, from where they were, until one is out", () => {
  connect();
  client.joinRoom("chat://b", -1);
  client.joinRoom("chat://c");
  const joins = () => last().of(Operation.JOIN_ROOM).map(([, body]) => JSON.parse(body));
  assert.deepEqual(joins(), [{ room: "chat://b", resume: -1 }, { room: "chat://c" }]);
  last().give(
    json(Operation.JOIN_ROOM_REPLY, { room: "chat://b" }),
    json(Operation.JOIN_ROOM_REPLY, { room: "chat://c", error: { reason: "not_a_member" } }),
    topic("room:chat://b", 8),
    encodeFrame(4, "eight", 8),
    json(Operation.ROOM_EVENT, { event: "muted" }),
  );
  assert.deepEqual(seen.slice(2), [
    ["joined", "chat://b"],
    ["out", "chat://c", "not_a_member"],
    ["room:chat://b", 8, "eight"],
    ["event", "muted"],
  ]);
  last().drop();
  mock.timers.tick(250);
  logIn();
  assert.deepEqual(joins(), [{ room: "chat://b", resume: 8 }]);
  last().give(json(Operation.ROOM_LEFT, { room: "chat://b", error: { reason: "banned" } }));
  assert.deepEqual(seen.at(-1), ["out", "chat://b", "banned"]);
  client.leaveRoom("chat://b");
  assert.equal(last().of(Operation.LEAVE_ROOM).length, 0);
});

test("history and what is unread are asked for, and what others read is told", async () => {
  connect();
  const page = client.history({ room: "chat://a" }, { before: 9 });
  const [[asked, body]] = last().of(Operation.HISTORY);
  assert.deepEqual(JSON.parse(body), { room: "chat://a", before: 9, limit: 50 });
  last().give(json(Operation.HISTORY_REPLY, { messages: [{ sequence: 3 }], more: true }, asked));
  assert.deepEqual(await page, { messages: [{ sequence: 3 }], more: true });
  const states = client.read({});
  const [[number]] = last().of(Operation.READ);
  const rooms = { "chat://a": { read: 3, unread: 1, last: 9 } };
  last().give(json(Operation.READ_REPLY, { rooms }, number));
  assert.deepEqual(await states, { rooms, members: {} });
  last().give(json(Operation.READ_REPLY, { rooms }));
  assert.deepEqual(seen.at(-1), ["read", rooms]);
  const before = seen.length;
  last().give(json(Operation.HISTORY_REPLY, {}, asked));
  assert.equal(seen.length, before);
});

test("an expired token is renewed, without a wait the first time", async () => {
  const tokens = ["second", "third"];
  connect({ token: "first" }, { renewToken: async () => tokens.shift() ?? "" });
  const told = () => JSON.parse(last().of(Operation.AUTH)[0][1]).token;
  assert.equal(told(), "first");
  last().drop(4002);
  await settle();
  mock.timers.tick(0);
  logIn();
  assert.equal(told(), "second");
  last().drop(4002);
  await settle();
  mock.timers.tick(1000);
  logIn();
  assert.equal(told(), "third");
  last().drop(4002, "the token has expired");
  await settle();
  assert.deepEqual(seen.at(-1), ["ended", 4002]);
});

test("a token that can't be had now is asked for again later", async () => {
  const answers = [Promise.reject(new Error("offline")), Promise.resolve("new")];
  answers[0].catch(() => {});
  connect({ token: "old" }, { renewToken: () => answers.shift() });
  last().drop(4002);
  await settle();
  assert.equal(seen.at(-1)[0], "waiting");
  mock.timers.tick(1000);
  last().open();
  assert.equal(JSON.parse(last().of(Operation.AUTH)[0][1]).token, "old");
  last().drop(4002);
  await settle();
  mock.timers.tick(2000);
  last().open();
  assert.equal(JSON.parse(last().of(Operation.AUTH)[0][1]).token, "new");
});
