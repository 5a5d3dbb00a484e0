import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const { Conversation, inOrder } = await load("conversation.js");

const message = (sequence, more = {}) => ({ sequence, from: 5, to: 0, name: "", text: `m${sequence}`, time: sequence, kind: "chat", ...more });
const room = () => new Conversation("room", "chat://a");

test("nothing is unread before the server has counted", () => {
  const one = room();
  one.receive(message(8), false);
  assert.equal(one.unread, 0);
  one.count({ read: 3, unread: 4, last: 8 });
  assert.deepEqual([one.unread, one.read, one.last], [4, 3, 8]);
});

test("what comes after the count is added, what was counted is not", () => {
  const one = room();
  one.receive(message(8), false);
  one.receive(message(9), false);
  one.count({ read: 3, unread: 4, last: 8 });
  assert.equal(one.unread, 5);
  one.receive(message(9), false);
  one.receive(message(12), false);
  assert.equal(one.unread, 6);
});

test("reading is told once, and never goes back", () => {
  const one = room();
  one.count({ read: 3, unread: 2, last: 8 });
  one.receive(message(9), false);
  assert.equal(one.markRead(), 9);
  assert.equal(one.markRead(), 0);
  assert.equal(one.unread, 0);
  one.count({ read: 3, unread: 3, last: 9 });
  assert.deepEqual([one.unread, one.read], [0, 9]);
  one.receive(message(11), false);
  one.count({ read: 11, unread: 0, last: 11 });
  assert.equal(one.unread, 0);
});

test("who writes has read what was before", () => {
  const one = room();
  one.count({ read: 1, unread: 3, last: 4 });
  one.receive(message(5, { from: 7 }), true);
  assert.deepEqual([one.unread, one.read], [0, 5]);
});

test("where the server does not count, what comes now does", () => {
  const one = room();
  one.countAlone();
  one.receive(message(2), false);
  assert.equal(one.unread, 1);
});

test("messages wait for the first look, the newest is the preview", () => {
  const one = room();
  one.receive(message(3), false);
  one.receive(message(2), false);
  assert.deepEqual([one.preview.text, one.kept.length], ["m3", 2]);
});

test("targets, keys and order", () => {
  const [a, b, c] = [room(), new Conversation("member", 9), new Conversation("room", "chat://b")];
  assert.deepEqual([a.key, b.key, a.target, b.target], ["room:chat://a", "member:9", { room: "chat://a" }, { member: 9 }]);
  b.receive(message(3), false);
  assert.deepEqual(inOrder([c, a, b], (one) => one.key), [b, a, c]);
});
