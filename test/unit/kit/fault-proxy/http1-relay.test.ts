// The HTTP/1.1 relay: which of the calls of a connection the bytes belong to.
import { expect, it } from 'vitest';
import { createStatelessStage } from '../../../../packages/kit/fault-proxy/core/chunk.ts';
import type { FaultTarget } from '../../../../packages/kit/fault-proxy/core/fault.ts';
import { Http1Relay } from '../../../../packages/kit/fault-proxy/http1/http1-relay.ts';

/** A relay, and the parts of answers that its calls have got. */
function createRelay() {
  const answers: string[] = [];
  const relay = new Http1Relay({
    send: () => undefined,
    sendBytes: () => undefined,
    offer: ({ rpc, pipes }) => {
      const observe = createStatelessStage((chunk, pass) => {
        answers.push(`${rpc} ${chunk.kind} ${chunk.payload.length}`);
        pass(chunk);
      });
      pipes.down.insert(observe);
    },
    updateBackpressure: () => undefined,
    reset: () => undefined,
    sendAndClose: () => undefined,
    close: () => undefined,
    connection: { isOver: false } as FaultTarget,
    maxHeldBytes: 1_000_000,
  });
  return { relay, answers };
}

const requestOf = (method: string, path: string) => Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
const head = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n');

it('gives each answer to its request, when a client sends several before the first answer', () => {
  const { relay, answers } = createRelay();
  for (const name of ['First', 'Second', 'Third']) relay.take('up', requestOf('GET', `/a/${name}`));

  for (const body of ['1', '22', '333']) {
    relay.take('down', Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`));
  }

  expect(answers.filter((part) => part.includes('body'))).toEqual([
    'a/First body 1',
    'a/Second body 2',
    'a/Third body 3',
  ]);
});

it.each(['at once', 'one at a time'])('expects no body in the answer to HEAD alone, if the answers come %s', (how) => {
  const { relay, answers } = createRelay();
  for (const method of ['HEAD', 'GET', 'GET']) relay.take('up', requestOf(method, `/a/${method}`));
  const parts = [head, head, 'hello', head, 'hello'].map((part) => Buffer.from(part));

  for (const bytes of how === 'at once' ? [Buffer.concat(parts)] : parts) relay.take('down', bytes);

  const withBody = ['a/GET head 38', 'a/GET body 5'];
  expect(answers).toEqual(['a/HEAD head 38', ...withBody, ...withBody]);
});
