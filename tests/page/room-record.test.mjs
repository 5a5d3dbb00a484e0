import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const { applyEvent, isAdmin, newRoomId, readRoom, roleOf, roomId, roomTitle } = await load("room-record.js");

const ME = 2;
const room = (more = {}) =>
  readRoom({ room: "chat://a", owner: "1", revision: "10", members: ["1", "2", "3"], admins: ["2"], invited: ["4"], role: "admin", member_count: 3, ...more }, true);
const after = (event, subject, more = {}) => applyEvent(room(), { event, subject, actor: 1, revision: 11, ...more }, ME);

test("numbers come as text, and what is absent is empty", () => {
  const { owner, members, banned, access, senders, description } = readRoom({ room: "chat://a", owner: "7" }, false);
  assert.deepEqual([owner, members, banned, access, senders, description], [7, [], [], "public", "members", ""]);
  assert.deepEqual(readRoom({ muted: [{ mid: "4", until: "9" }] }, true).muted, [{ mid: 4, until: 9, reason: "" }]);
});

test("events change the list of members", () => {
  assert.deepEqual(after("joined", 4).members, [1, 2, 3, 4]);
  assert.deepEqual(after("joined", 4).invited, []);
  assert.equal(after("joined", 4).count, 4);
  assert.deepEqual(after("left", 0, { actor: 3 }).members, [1, 2]);
  assert.deepEqual(after("kicked", 3).members, [1, 2]);
  assert.deepEqual(after("declined", 4).invited, []);
  assert.deepEqual(after("invited", 5).invited, [4, 5]);
  assert.deepEqual(after("promoted", 3).admins, [2, 3]);
  const banned = after("banned", 3, { until: 99, reason: "spam" });
  assert.deepEqual([banned.members, banned.banned], [[1, 2], [{ mid: 3, until: 99, reason: "spam" }]]);
  assert.deepEqual(applyEvent(banned, { event: "unbanned", subject: 3, revision: 12 }, ME).banned, []);
  const muted = after("muted", 3);
  assert.equal(muted.muted[0].mid, 3);
  assert.deepEqual(applyEvent(muted, { event: "unmuted", subject: 3, revision: 12 }, ME).muted, []);
  assert.equal(after("demoted", 2).role, "member");
});

test("what was known already changes nothing, and what can't be known is asked", () => {
  const known = room();
  assert.equal(applyEvent(known, { event: "left", subject: 3, revision: 10 }, ME), known);
  for (const event of ["renamed", "regulated", "handed_over", "something"]) assert.equal(after(event, 3), null);
});

test("a room whose members are not known is left as it is", () => {
  for (const brief of [readRoom({ revision: 3, role: "owner" }, false), readRoom({ revision: 3 }, true)]) {
    assert.equal(brief.whole, false);
    assert.equal(applyEvent(brief, { event: "joined", subject: 3, revision: 4 }, ME), brief);
  }
});

test("roles, ids and titles", () => {
  assert.deepEqual([1, 2, 3, 4, 5].map((mid) => roleOf(room(), mid)), ["owner", "admin", "member", "invited", ""]);
  assert.deepEqual(["owner", "admin", "member", ""].map(isAdmin), [true, true, false, false]);
  assert.deepEqual([" lobby ", "live://1", ""].map(roomId), ["chat://lobby", "live://1", ""]);
  assert.deepEqual([roomTitle("chat://a"), roomTitle("live://a"), roomTitle("chat://a", { name: "A" })], ["a", "live://a", "A"]);
  assert.equal(newRoomId("Café & Küche!", 1), "chat://cafe-kuche-0001");
  assert.equal(newRoomId("日本", 36 ** 4 - 1), "chat://zzzz");
});
