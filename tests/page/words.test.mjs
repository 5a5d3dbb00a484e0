import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const { counted, duration, eventParts, lastSeen, refusalWords, untilWords } = await load("words.js");
const { typingWords } = await load("typing.js");

test("how long, in one unit", () => {
  assert.deepEqual([0, 1, 59, 60, 599, 3600, 86_400, 1_209_600].map(duration), [
    "1 second", "1 second", "59 seconds", "1 minute", "10 minutes", "1 hour", "1 day", "2 weeks",
  ]);
  assert.deepEqual([untilWords(0, 5000), untilWords(605, 5000)], ["for good", "for 10 minutes"]);
});

test("when somebody was there last", () => {
  const now = Date.UTC(2026, 0, 31);
  assert.deepEqual([lastSeen(0, now), lastSeen(now + 5, now), lastSeen(now - 7_200_000, now)], [
    "offline", "last seen just now", "last seen 2 hours ago",
  ]);
  assert.match(lastSeen(now - 90 * 86_400_000, now), /2025/);
});

test("a refusal is a sentence, with when to try again", () => {
  assert.equal(refusalWords({ message: "you are banned", retry: "never", after: 9 }), "You are banned.");
  assert.equal(refusalWords({ message: "you are muted: x.", retry: "later", after: 600 }), "You are muted: x. Try again in 10 minutes.");
  assert.equal(refusalWords({ message: "too many", retry: "now" }), "Too many. Try again.");
  assert.equal(refusalWords({}), "The server refused that.");
});

test("an event says who did what to whom", () => {
  const told = (event) => eventParts({ actor: 1, subject: 2, ...event }).map((one) => one.mid ?? one).join("");
  assert.equal(told({ event: "muted", until: 605, time_ms: 5000, reason: "calm down" }), "1 muted 2 for 10 minutes: calm down");
  assert.equal(told({ event: "banned", until: "0", actor: "0" }), "The service banned 2 for good.");
  assert.equal(told({ event: "joined", subject: 0 }), "1 joined.");
  const all = "opened closed renamed described regulated invited joined declined left kicked banned unbanned muted unmuted promoted demoted handed_over";
  for (const event of all.split(" ")) assert.match(told({ event }), /[.]$/, event);
  assert.deepEqual(eventParts({ event: "something new" }), []);
});

test("counts and who is typing", () => {
  assert.deepEqual([counted(1, "member"), counted(2, "member"), counted(0, "person", "people")], ["1 member", "2 members", "0 people"]);
  assert.deepEqual([[], ["Ada"], ["Ada", "Bob"], ["a", "b", "c"]].map(typingWords), [
    "", "Ada is typing …", "Ada and Bob are typing …", "Several people are typing …",
  ]);
});
