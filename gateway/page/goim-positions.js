/** Where a client is in each topic. No I/O. */

import { wholeSequence } from "./goim-frames.js";

const MOST_TOPICS = 10; // in one op 18: a room id has up to 259 bytes

/** What has been received, by topic: over all connections of a client, each message once. */
export class Positions {
  /** @param {Object<string, number>} [resume] by topic; -n: the newest n */
  constructor(resume = {}) {
    this.topics = new Map(Object.entries(resume));
    this.own = new Set();
    this.changed = new Set();
  }

  /**
   * Return the whole sequence of a pushed frame, 0 when not stored, null for a repeat.
   *
   * @param {string} topic @param {number} last @param {number} low
   */
  receive(topic, last, low) {
    if (low === 0) return 0;
    const sequence = wholeSequence(last, low);
    if (sequence <= (this.topics.get(topic) ?? 0)) return null;
    this.#set(topic, sequence);
    return this.own.delete(`${sequence} ${topic}`) ? null : sequence;
  }

  /**
   * The server has nothing more up to there. A sequence below what was received means that the
   * stream began anew.
   *
   * @param {string} topic @param {number} sequence
   */
  complete(topic, sequence) {
    this.#set(topic, sequence);
  }

  /** What is missing up to there is gone. @param {string} topic @param {number} to */
  skip(topic, to) {
    if (to > (this.topics.get(topic) ?? 0)) this.#set(topic, to);
  }

  /** An own message, which a later connection may be replayed. */
  sent(/** @type {string} */ topic, /** @type {number} */ sequence) {
    if (sequence > (this.topics.get(topic) ?? 0)) this.own.add(`${sequence} ${topic}`);
  }

  /** The `resume` of the auth frame, with these rooms alone: a frame has room for few. */
  resume(/** @type {(room: string) => boolean} */ wanted = () => true) {
    const rooms = (/** @type {string} */ topic) => topic.startsWith("room:");
    const named = [...this.topics].filter(([one]) => !rooms(one) || wanted(one.slice(5)));
    return positionsToJson(new Map(named));
  }

  /** The bodies of the next op 18 frames, each short enough; none when nothing has changed. */
  acknowledge() {
    const changed = [...this.changed];
    this.changed.clear();
    const bodies = [];
    while (changed.length) {
      const some = changed.splice(0, MOST_TOPICS);
      bodies.push(positionsToJson(new Map(some.map((one) => [one, this.topics.get(one) ?? 0]))));
    }
    return bodies;
  }

  #set(/** @type {string} */ topic, /** @type {number} */ sequence) {
    this.topics.set(topic, sequence);
    this.changed.add(topic);
  }
}

/** @param {Map<string, number>} topics */
function positionsToJson(topics) {
  const values = /** @type {{rooms?: Object<string, number>}} */ ({});
  for (const [topic, sequence] of topics) {
    if (topic.startsWith("room:")) (values.rooms ??= {})[topic.slice(5)] = sequence;
    else values[topic] = sequence;
  }
  return values;
}
