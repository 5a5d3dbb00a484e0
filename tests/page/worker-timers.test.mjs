import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { mock, test } from "node:test";
import vm from "node:vm";

const folder = new URL("../../gateway/page/", import.meta.url);
const text = (name) => readFile(new URL(name, folder), "utf8");

/** The worker's script with a page that speaks to it directly. */
async function pair() {
  const page = { onmessage: null };
  const inside = vm.createContext({
    setTimeout: (act, milliseconds) => setTimeout(act, milliseconds),
    clearTimeout: (id) => clearTimeout(id),
    postMessage: (id) => page.onmessage({ data: id }),
  });
  vm.runInContext(await text("timer-worker.js"), inside);
  page.postMessage = (data) => inside.onmessage({ data });
  return page;
}

async function load(makeWorker) {
  globalThis.Worker = function () {
    return makeWorker();
  };
  const source = (await text("worker-timers.js")).replace("import.meta.url", '"http://x/y"');
  const unique = `//${Math.random()}\n`; // a module is loaded once
  return (await import(`data:text/javascript,${encodeURIComponent(unique + source)}`)).workerTimers;
}

for (const [name, makeWorker] of [
  ["in a worker", await pair().then((page) => () => page)],
  [
    "where workers are not allowed",
    () => {
      throw new Error("no");
    },
  ],
]) {
  test(`timers ring once, and not after they were cleared, ${name}`, async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    const timers = await load(makeWorker);
    const rung = [];
    timers.set(() => rung.push("a"), 100);
    const cleared = timers.set(() => rung.push("b"), 100);
    timers.set(() => rung.push("c"), 50);
    timers.clear(cleared);
    timers.clear(cleared);
    mock.timers.tick(60);
    assert.deepEqual(rung, ["c"]);
    mock.timers.tick(1000);
    assert.deepEqual(rung, ["c", "a"]);
    mock.timers.reset();
  });
}
