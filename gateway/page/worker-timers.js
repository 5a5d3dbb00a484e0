/**
 * Timers that a hidden tab's browser does not slow down to one a minute, so that heartbeats go on
 * and the connection stays. They live in a worker; without workers they are the page's own.
 */

const SOURCE = new URL("timer-worker.js", import.meta.url);
const acts = new Map();
const worker = start();
let last = 0;

/** @type {import("./goim-timers.js").Timers} */
export const workerTimers = {
  set(act, milliseconds) {
    if (!worker) return setTimeout(act, milliseconds);
    last += 1;
    acts.set(last, act);
    worker.postMessage({ id: last, milliseconds });
    return last;
  },
  clear(id) {
    if (!worker) clearTimeout(id);
    else if (acts.delete(id)) worker.postMessage({ id });
  },
};

function start() {
  try {
    const started = new Worker(SOURCE);
    started.onmessage = ({ data: id }) => {
      const act = acts.get(id);
      acts.delete(id);
      act?.();
    };
    return started;
  } catch {
    return null;
  }
}
