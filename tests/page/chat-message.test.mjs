import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const { encodeChat, encodeSignal, readHistory, SIGNAL_OPERATION, guestName, hue, initials, readMessage, splitLinks } = await load("chat-message.js");

const message = (text, operation = 4) => ({ operation, sequence: 3, topic: "", text: () => text });
const stamped = (body, more = {}) => JSON.stringify({ from: 7, sequence: 3, time: 99, body, ...more });

test("a stamped chat message has its sender's name and text", () => {
  assert.deepEqual(readMessage(message(stamped(encodeChat(" Ada ", "<b>hi</b>"))), 1), {
    sequence: 3,
    from: 7,
    to: 0,
    name: "Ada",
    text: "<b>hi</b>",
    time: 99,
    kind: "chat",
  });
});

test("a stamped text of another client is shown as it is, without a name", () => {
  for (const body of ["hello", '{"x":1}', "[1]", "null", '{"text":5}']) {
    const shown = readMessage(message(stamped(body)), 1);
    assert.deepEqual([shown.text, shown.name, shown.kind], [body, "", "chat"]);
  }
});

test("what a service pushes is shown as the service's", () => {
  for (const body of ["plain", '{"test":1}', "", '{"from":"x","time":1,"body":"y"}']) {
    const shown = readMessage(message(body, 1000), 55);
    assert.deepEqual([shown.text, shown.kind, shown.from, shown.time], [body, "service", 0, 55]);
  }
});

test("operations of the protocol are nothing to show", () => {
  assert.equal(readMessage(message("x", 15), 1), null);
});

test("people without a name are guests, and everybody has letters and a colour", () => {
  assert.deepEqual([guestName(123456789), guestName(0)], ["guest 6789", "guest"]);
  assert.deepEqual(["ada lovelace king", "Bo", "😀 x", "guest 12", " "].map(initials), ["AK", "B", "😀X", "G", "?"]);
  for (const mid of [0, 1, 2 ** 53 - 1]) assert.ok(hue(mid) >= 0 && hue(mid) < 360);
  assert.equal(hue(5), hue(5));
});

test("web addresses are links, nothing else is", () => {
  assert.deepEqual(splitLinks("see https://a.example/b?c=1. Or javascript:alert(1)"), [
    { text: "see ", href: "" },
    { text: "https://a.example/b?c=1", href: "https://a.example/b?c=1" },
    { text: ". Or javascript:alert(1)", href: "" },
  ]);
  assert.deepEqual(splitLinks(""), []);
  assert.deepEqual(splitLinks("http://"), [{ text: "http://", href: "" }]);
});

test("a direct message says for whom it is", () => {
  assert.equal(readMessage(message(stamped(encodeChat("Ada", "hi"), { to: 9 }), 1000), 1).to, 9);
});

test("signals are told apart, and never shown", () => {
  const shown = (body) => readMessage(message(body, SIGNAL_OPERATION), 1);
  assert.deepEqual([shown(stamped(encodeSignal("typing", "Ada"))).kind, shown(stamped(encodeSignal("invited", "A"))).kind], ["typing", "invited"]);
  for (const body of [stamped('{"signal":"other"}'), stamped("x"), "pushed"]) assert.equal(shown(body), null);
});

test("a page of history has the same messages", () => {
  const one = { sequence: 3, operation: 4, time: 99, from: 7, body: encodeChat("Ada", "hi") };
  const read = { sequence: 3, from: 7, to: 0, name: "Ada", text: "hi", time: 99, kind: "chat" };
  assert.deepEqual(readHistory(one), read);
  assert.deepEqual(readHistory({ ...one, to: 9, body: undefined, bytes: "é" }), { ...read, to: 9, name: "", text: "é" });
  assert.equal(readHistory({ ...one, from: 0, body: "pushed" }).kind, "service");
});
