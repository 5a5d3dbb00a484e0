import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { load } from "./load.mjs";

const { Names } = await load("names.js");

function make(members) {
  const asked = [];
  let changes = 0;
  const ask = async (wanted) => {
    asked.push(wanted);
    if (members === null) throw new Error("away");
    return members.filter((one) => wanted.mids?.includes(one.mid) || wanted.names?.includes(one.name));
  };
  const names = new Names(ask, () => (changes += 1));
  return { names, asked, changes: () => changes };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("names are asked for once, together, and the server's word counts more than a message's", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { names, asked, changes } = make([{ mid: 5, name: "Ada" }]);
  names.hear(5, "The boss");
  assert.deepEqual([names.of(5), names.of(9), names.of(5)], ["The boss", "guest 9", "The boss"]);
  mock.timers.tick(20);
  await settle();
  assert.deepEqual(asked, [{ mids: [5, 9] }]);
  names.hear(5, "Still the boss");
  names.hear(9, "Guest Nine");
  assert.deepEqual([names.of(5), names.of(9)], ["Ada", "Guest Nine"]);
  assert.equal(changes(), 3);
  mock.timers.tick(1000);
  assert.equal(asked.length, 1);
  mock.timers.reset();
});

test("names that can't be had now are asked for again", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { names, asked } = make(null);
  for (let round = 0; round < 2; round += 1) {
    names.of(5);
    mock.timers.tick(20);
    await settle();
  }
  assert.equal(asked.length, 2);
  mock.timers.reset();
});

test("a member is found by name, as somebody called itself, or by number", async () => {
  const { names } = make([{ mid: 5, name: "Ada" }]);
  names.hear(8, "Max");
  assert.deepEqual(await Promise.all([" Ada ", "max", "12345", "nobody", "0"].map((one) => names.find(one))), [5, 8, 12345, 0, 0]);
  assert.equal(names.of(5), "Ada");
});
