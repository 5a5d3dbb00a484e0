/** The worker of worker-timers.js: `{id, milliseconds}` sets a timer, `{id}` clears it. */

const timers = new Map();

onmessage = ({ data: { id, milliseconds } }) => {
  clearTimeout(timers.get(id));
  timers.delete(id);
  if (milliseconds === undefined) return;
  const ring = () => {
    timers.delete(id);
    postMessage(id);
  };
  timers.set(id, setTimeout(ring, milliseconds));
};
