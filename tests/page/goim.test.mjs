import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const goim = await load("goim.js");
const { decodeFrames, delaySeconds, encodeFrame, Operation, Positions, readEnding } = goim;

const hex = (bytes) => Buffer.from(bytes).toString("hex");
const bytes = (text) => new Uint8Array(Buffer.from(text, "hex"));
const int32 = (sequence) => Number(BigInt.asIntN(32, BigInt(sequence)));

test("a frame is goim's 16 bytes of header and the body", () => {
  assert.equal(hex(encodeFrame(14, "1003,1004", 7)), "00000019001000010000000e00000007313030332c31303034");
  assert.equal(hex(encodeFrame(-5, new Uint8Array([0x78]), -13, -2)), "000000110010fffefffffffbfffffff378");
});

test("any fields come back as they went in", () => {
  for (const operation of [0, 4, 1000, 2 ** 31 - 1, -(2 ** 31)]) {
    for (const text of ["", "x", "é😀", "y".repeat(70_000)]) {
      const [frame] = decodeFrames(encodeFrame(operation, text, -operation - 1));
      assert.equal(frame.operation, operation);
      assert.equal(frame.sequence, -operation - 1);
      assert.equal(frame.version, 1);
      assert.equal(new TextDecoder().decode(frame.body), text);
    }
  }
});

test("the frames of an op 9 envelope come one by one", () => {
  const envelope = bytes(
    "000000460010000100000009000000000000001200100001000003e9000000006d31" +
      "0000001200100001000003e9000000006d320000001200100001000003e9000000006d33",
  );
  const texts = decodeFrames(envelope).map(({ body }) => new TextDecoder().decode(body));
  assert.deepEqual(texts, ["m1", "m2", "m3"]);
});

test("a frame inside a larger buffer is read from its own bytes", () => {
  const padded = new Uint8Array([1, 2, 3, ...encodeFrame(4, "abc"), 9, 9]);
  const [frame] = decodeFrames(padded.subarray(3, padded.length - 2));
  assert.equal(new TextDecoder().decode(frame.body), "abc");
});

test("bytes that are no frames are an error, not an endless loop", () => {
  const good = hex(encodeFrame(4, "abc"));
  for (const bad of [
    "00",
    good.slice(0, -2),
    `${good}00`,
    "00000000001000010000000200000001",
    "ffffffff001000010000000200000001",
    "00000010001100010000000200000001",
    "00001010001000010000000200000001",
  ]) {
    assert.throws(() => decodeFrames(bytes(bad)), goim.FrameError, bad);
  }
  assert.deepEqual(decodeFrames(new Uint8Array()), []);
});

test("all bits of a sequence follow from the end of its run and its low 32", () => {
  const ends = [1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 7 * 2 ** 32 + 2 ** 31, 2 ** 52 + 12_345];
  for (const last of ends) {
    for (const behind of [0, 1, 4, 1000, 2 ** 31, 2 ** 32 - 1]) {
      const sequence = last - behind;
      if (sequence > 0) assert.equal(goim.wholeSequence(last, int32(sequence)), sequence);
    }
  }
});

test("each stored message is received once, an unstored one always", () => {
  const positions = new Positions({ "room:live://1": 10 });
  const take = (last, low) => positions.receive("room:live://1", last, int32(low));
  assert.equal(take(12, 10), null);
  assert.equal(take(12, 11), 11);
  assert.equal(take(12, 12), 12);
  assert.equal(take(12, 12), null);
  assert.equal(take(0, 0), 0);
  assert.equal(take(0, 0), 0);
  assert.equal(take(2 ** 32 + 1, 2 ** 32 - 3), 2 ** 32 - 3);
  assert.equal(take(2 ** 32 + 1, 2 ** 32 + 1), 2 ** 32 + 1);
});

test("an own message is not given back, the others around it are", () => {
  const positions = new Positions();
  positions.sent("all", 5);
  assert.deepEqual([4, 5, 6].map((low) => positions.receive("all", 6, low)), [4, null, 6]);
});

test("a resume asks for the newest n until there is a position", () => {
  const positions = new Positions({ member: 3, "room:a://1": -50 });
  assert.deepEqual(positions.resume(), { member: 3, rooms: { "a://1": -50 } });
  positions.receive("room:a://1", 7, 7);
  assert.deepEqual(positions.resume(), { member: 3, rooms: { "a://1": 7 } });
});

test("an acknowledgement tells each progress once", () => {
  const positions = new Positions();
  positions.receive("member", 3, 3);
  positions.complete("room:a://1", 8);
  assert.deepEqual(positions.acknowledge(), [{ member: 3, rooms: { "a://1": 8 } }]);
  assert.deepEqual(positions.acknowledge(), []);
});

test("positions of many rooms are told in frames that are short enough", () => {
  const positions = new Positions();
  const ids = Array.from({ length: 100 }, (_, number) => `chat://${"x".repeat(240)}${number}`);
  for (const id of ids) positions.complete(`room:${id}`, 2 ** 52);
  const bodies = positions.acknowledge();
  assert.ok(bodies.every((body) => JSON.stringify(body).length < 4096));
  assert.deepEqual(bodies.flatMap(({ rooms }) => Object.keys(rooms)), ids);
  assert.deepEqual(positions.resume((room) => room === ids[7]), { rooms: { [ids[7]]: 2 ** 52 } });
});

test("a stream that began anew is followed, a gap never leads back", () => {
  const positions = new Positions({ all: 900 });
  positions.complete("all", 10);
  assert.equal(positions.receive("all", 11, 11), 11);
  positions.skip("all", 5);
  assert.equal(positions.receive("all", 12, 12), 12);
  positions.skip("all", 20);
  assert.equal(positions.receive("all", 20, 20), null);
});

test("delays take any part of 0.5 s to 30 s, a told one is not undercut", () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 7, 99].map((attempt) => delaySeconds(attempt, 0, 1));
  assert.deepEqual(longest, [0.5, 1, 2, 4, 8, 16, 30, 30, 30]);
  assert.equal(delaySeconds(9, 0, 0), 0);
  assert.equal(delaySeconds(9, 4, 0), 4);
  assert.equal(delaySeconds(0, 4, 1), 6);
});

test("a close code means what schemas/close_codes.py says", () => {
  const table = JSON.parse(process.env.GOIM_CLOSE_CODES ?? "[]");
  for (const [code, retry] of table) {
    assert.equal(readEnding(code, "").retry, retry, `close code ${code}`);
  }
});

test("a notice wins over the close code, an odd one falls back to it", () => {
  const notice = { code: 4011, message: "updating", retry: "later", after: 3 };
  assert.deepEqual(readEnding(1006, "", notice), notice);
  const odd = { code: "x", message: "", retry: "?", after: -1 };
  assert.deepEqual(readEnding(4002, "expired", odd), {
    code: 4002,
    message: "expired",
    retry: "token",
    after: 0,
  });
  assert.equal(readEnding(1006, "").message, "the connection was lost");
  assert.equal(readEnding(1001, "", { after: Infinity }).after, 3600);
});
