/**
 * goim's frames, and the numbers of its operations. docs/protocol.md describes them. No I/O.
 *
 * @typedef {{version: number, operation: number, sequence: number, body: Uint8Array}} Frame
 */

export const Operation = Object.freeze({
  HEARTBEAT: 2,
  HEARTBEAT_REPLY: 3,
  SEND_MESSAGE: 4,
  SEND_MESSAGE_REPLY: 5,
  AUTH: 7,
  AUTH_REPLY: 8,
  BATCH: 9,
  ACKNOWLEDGE: 18,
  TOPIC: 19,
  SEND_TO: 20,
  JOIN_ROOM: 21,
  JOIN_ROOM_REPLY: 22,
  LEAVE_ROOM: 23,
  LEAVE_ROOM_REPLY: 24,
  ROOM_EVENT: 26,
  ROOM_LEFT: 27,
  GAP: 28,
  CLOSING: 29,
  HISTORY: 30,
  HISTORY_REPLY: 31,
  READ: 32,
  READ_REPLY: 33,
});

export const HEADER_BYTES = 16;
export const MAX_BODY_BYTES = 4096; // of what a client sends
const WRAP = 2 ** 32;
const MOST_NUMBER = 2 ** 31 - 1;

/** The bytes are no goim frames. */
export class FrameError extends Error {}

/**
 * @param {number} operation
 * @param {Uint8Array | string} [body]
 * @param {number} [sequence] an int32
 * @param {number} [version]
 * @returns {Uint8Array}
 */
export function encodeFrame(operation, body = "", sequence = 0, version = 1) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const frame = new Uint8Array(HEADER_BYTES + bytes.length);
  const view = new DataView(frame.buffer);
  view.setInt32(0, frame.length);
  view.setInt16(4, HEADER_BYTES);
  view.setInt16(6, version);
  view.setInt32(8, operation);
  view.setInt32(12, sequence);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

/**
 * Return the frames that lie back to back in `data`, those inside an op 9 envelope in its place.
 *
 * @param {Uint8Array} data
 * @returns {Frame[]}
 * @throws {FrameError} when it does not end with a whole frame
 */
export function decodeFrames(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const frames = [];
  for (let start = 0; start < data.length; ) {
    const left = data.length - start;
    const length = left < HEADER_BYTES ? 0 : view.getInt32(start);
    if (length < HEADER_BYTES || length > left || view.getInt16(start + 4) !== HEADER_BYTES) {
      throw new FrameError(`no frame in the last ${left} of ${data.length} bytes`);
    }
    const body = data.subarray(start + HEADER_BYTES, start + length);
    const operation = view.getInt32(start + 8);
    if (operation === Operation.BATCH) {
      for (const frame of decodeFrames(body)) frames.push(frame);
    } else {
      const version = view.getInt16(start + 6);
      frames.push({ version, operation, sequence: view.getInt32(start + 12), body });
    }
    start += length;
  }
  return frames;
}

/**
 * Return a pushed frame's whole sequence from its low 32 bits and the end of its run.
 *
 * @param {number} last
 * @param {number} low as the int32 of the header
 */
export function wholeSequence(last, low) {
  const behind = (((last % WRAP) - low) % WRAP + WRAP) % WRAP;
  return last - behind;
}

/** The JSON object in a body, an empty one where there is none. @param {Uint8Array} body */
export function readJson(body) {
  try {
    const values = JSON.parse(new TextDecoder().decode(body));
    return values && typeof values === "object" ? values : {};
  } catch {
    return {};
  }
}
