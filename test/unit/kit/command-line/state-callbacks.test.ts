// Provider states over HTTP: the requests and the errors.
import { describe, expect, it, vi } from 'vitest';
import { createStateCallbacks } from '../../../../packages/kit/command-line/common/state-callbacks.ts';

const url = 'http://states.example/set';

/** Answers every call with `answer`. Returns the bodies of the calls. */
function answerWith(answer: () => Response): unknown[] {
  const bodies: unknown[] = [];
  vi.stubGlobal('fetch', async (_url: string, { body }: { body: string }) => {
    bodies.push(JSON.parse(body));
    return answer();
  });
  return bodies;
}

describe('a state set up by HTTP', () => {
  it('is posted before the interaction, and after it with teardown', async () => {
    const bodies = answerWith(() => new Response());
    const both = createStateCallbacks(['b1 is there'], { url, withTeardown: true });
    const one = createStateCallbacks(['b1 is there'], { url, withTeardown: false });

    const undo = await both['b1 is there']?.({ bookId: 'b1' });
    await (undo as { teardown(): Promise<void> }).teardown();
    const nothing = await one['b1 is there']?.({});

    const call = { state: 'b1 is there', params: { bookId: 'b1' } };
    expect(bodies).toEqual([
      { ...call, action: 'setup' },
      { ...call, action: 'teardown' },
      { state: 'b1 is there', params: {}, action: 'setup' },
    ]);
    expect(nothing).toEqual({});
  });

  it('has the values of an answer that is a JSON object, with every digit, and none of another answer', async () => {
    const answers = ['{"bookId": "b7", "number": 9007199254740993}', 'done', '[1]', 'null'];
    answerWith(() => new Response(answers.shift()));
    const handlers = createStateCallbacks(['b1 is there'], { url, withTeardown: false });
    const setUp = () => handlers['b1 is there']?.({});

    expect(await setUp()).toEqual({ values: { bookId: 'b7', number: '9007199254740993' } });
    expect([await setUp(), await setUp(), await setUp()]).toEqual([{}, {}, {}]);
  });

  it('fails with the answer of the handler', async () => {
    answerWith(() => new Response('no such state\n', { status: 404 }));
    const handlers = createStateCallbacks(['b1 is there'], { url, withTeardown: true });

    await expect(handlers['b1 is there']?.({})).rejects.toThrow(`${url} answered 404: no such state`);
  });

  it('fails with the reason if the URL cannot be reached', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('fetch failed', { cause: new Error('refused') })));
    const handlers = createStateCallbacks(['b1 is there'], { url, withTeardown: true });

    await expect(handlers['b1 is there']?.({})).rejects.toThrow(`${url} cannot be called: refused`);
  });
});
