// An answer memory is consulted for unary calls that arrive in one chunk over HTTP/1.1, and for no others.
import { once } from 'node:events';
import { connect } from 'node:net';
import { createContextKey } from '@connectrpc/connect';
import type { AnswerMemory, UnaryAnswer } from '@touchstone/rpc-server';
import { describe, expect, it, vi } from 'vitest';
import { createEchoClient, dialects, postJson, startEchoServer } from '../../support/echo/start-echo-server.ts';

const SAY = 'echo.v1.EchoService/Say';
const heardKey = createContextKey('nothing');

function createMemory(known?: UnaryAnswer) {
  return { recall: vi.fn<AnswerMemory['recall']>(() => known), learn: vi.fn<AnswerMemory['learn']>() };
}

describe('a memory of answers', () => {
  it('learns the answer of the implementation, with its context values', async () => {
    const answerMemory = createMemory();
    await using echo = await startEchoServer(
      { answerMemory },
      {
        say: ({ value }, context) => {
          context.values.set(heardKey, value);
          return { value };
        },
      },
    );

    const response = await postJson(echo.address.url, SAY, '"hello"');

    expect(await response.json()).toBe('hello');
    const [call, answer, values] = answerMemory.learn.mock.lastCall!;
    expect([call.method.name, Buffer.from(call.body).toString()]).toEqual(['Say', '"hello"']);
    expect([answer.status, Buffer.concat(answer.body).toString()]).toEqual([200, '"hello"']);
    expect(values.get(heardKey)).toBe('hello');
  });

  it('answers in the place of the implementation, with the headers of CORS', async () => {
    const body = [Buffer.from('"from '), Buffer.from('memory"')];
    const answerMemory = createMemory({ status: 200, header: { 'x-from': 'memory' }, body, trailer: undefined });
    const say = vi.fn(() => ({ value: 'from the implementation' }));
    await using echo = await startEchoServer({ answerMemory }, { say });

    const response = await postJson(echo.address.url, SAY, '"hello"', { origin: 'http://localhost:3000' });

    expect(await response.json()).toBe('from memory');
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-from': 'memory',
      'access-control-allow-origin': 'http://localhost:3000',
    });
    expect(say).not.toHaveBeenCalled();
    expect(answerMemory.learn).not.toHaveBeenCalled();
  });

  it('is not asked about a body that comes after its headers, nor about one that is long', async () => {
    const answerMemory = createMemory();
    await using echo = await startEchoServer({ answerMemory });
    const socket = connect(echo.address.port, echo.address.host).setEncoding('utf8');
    const send = (text: string) => new Promise((resolve) => socket.write(text, resolve));
    await send(`POST /${SAY} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n`);
    await send('content-type: application/json\r\ncontent-length: 3\r\n\r\n');

    const [goOn] = await once(socket, 'data');
    await send('"x"');
    const [answer] = await once(socket, 'data');
    socket.destroy();
    const long = await postJson(echo.address.url, SAY, JSON.stringify('x'.repeat(20_000)));

    expect(goOn).toContain('100 Continue');
    expect(answer).toMatch(/200 OK.*"x"$/s);
    expect(long.status).toBe(200);
    expect(answerMemory.recall).not.toHaveBeenCalled();
  });

  it('is not asked about streams, and over HTTP/2 about nothing', async () => {
    const answerMemory = createMemory();
    await using echo = await startEchoServer({ answerMemory });

    for (const dialect of dialects) {
      const client = createEchoClient(dialect, echo.address.url);
      expect(await Array.fromAsync(client.count({ value: '2' }))).toHaveLength(2);
      if (dialect.httpVersion === '2') await client.say({ value: 'x' });
    }

    expect(answerMemory.recall).not.toHaveBeenCalled();
  });
});
