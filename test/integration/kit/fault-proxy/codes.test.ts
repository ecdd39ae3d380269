// The code that each fault causes in each client. The table in the kit's README has the same cells. Clients map failures to codes
// themselves, so a new version of a client may change a cell.
import { readFileSync } from 'node:fs';
import {
  answerInTls,
  bandwidth,
  blackHole,
  type Fault,
  failAlways,
  failEvery,
  failFirst,
  garbage,
  goAway,
  halfClose,
  type InjectOptions,
  latency,
  partition,
  refuse,
  reset,
  slowClose,
  truncateFrame,
  truncateMessage,
} from '@touchstone/kit';
import { describe, expect, it, vi } from 'vitest';
import { type Dialect, dialects, outcomeOf, reserveStockRpc, startFixture } from './clients.ts';

type Row = {
  readonly failure: string;
  /** Undefined if the client is at fault: it speaks TLS to a plaintext port. */
  readonly fault: (() => Fault) | undefined;
  readonly options?: InjectOptions;
  /** Whether the client has a connection when the fault is switched on. Default true. */
  readonly isWarm?: boolean;
  /** Connect and gRPC-Web over HTTP/1.1; Connect, gRPC and grpc-js over HTTP/2. */
  readonly codes: readonly [string, string, string, string, string];
  /** Calls or connections hit, over HTTP/1.1 and HTTP/2. Default 1 and 1. */
  readonly hits?: readonly [number, number];
};

const rpc = reserveStockRpc;
const late = 'deadline_exceeded';
// The deadline of a call that has to pass, at first and at most, and of a call that ends before it.
const SHORT_DEADLINE_MS = 250;
const LONGEST_SHORT_DEADLINE_MS = 4_000;
const LONG_DEADLINE_MS = 10_000;
const RECOVERY_LIMIT_MS = 15_000;

const rows: readonly Row[] = [
  {
    failure: 'nothing listens on the port',
    fault: () => refuse({ closesPort: true }),
    isWarm: false,
    codes: ['unavailable', 'unavailable', 'unavailable', 'unavailable', 'unavailable'],
    hits: [0, 0],
  },
  {
    failure: 'the connection is reset as soon as it is open',
    fault: () => refuse(),
    isWarm: false,
    codes: ['aborted', 'aborted', 'aborted', 'aborted', 'unavailable'],
  },
  {
    failure: 'the connection is reset before the request is read',
    fault: () => reset(),
    options: { direction: 'up' },
    codes: ['aborted', 'aborted', 'aborted', 'aborted', 'unavailable'],
  },
  {
    failure: 'the connection is reset in place of the answer',
    fault: () => reset({ breaks: 'connection' }),
    options: { rpc },
    codes: ['aborted', 'aborted', 'aborted', 'aborted', 'unavailable'],
  },
  {
    failure: 'the connection is reset in the middle of the answer',
    fault: () => reset({ breaks: 'connection', afterBytes: 2 }),
    options: { rpc },
    codes: ['aborted', 'aborted', 'aborted', 'aborted', 'unavailable'],
  },
  {
    failure: 'the call is reset: INTERNAL_ERROR',
    fault: () => reset(),
    options: { rpc },
    codes: ['aborted', 'aborted', 'internal', 'internal', 'internal'],
  },
  {
    failure: 'the call is reset: NO_ERROR',
    fault: () => reset({ http2Code: 0 }),
    options: { rpc },
    codes: ['aborted', 'aborted', 'internal', 'internal', 'internal'],
  },
  {
    failure: 'the call is reset: REFUSED_STREAM',
    fault: () => reset({ http2Code: 7 }),
    options: { rpc },
    codes: ['aborted', 'aborted', 'internal', 'internal', 'unavailable'],
  },
  {
    failure: 'the call is reset: CANCEL',
    fault: () => reset({ http2Code: 8 }),
    options: { rpc },
    codes: ['aborted', 'aborted', 'canceled', 'canceled', 'canceled'],
  },
  {
    failure: 'the call is reset: ENHANCE_YOUR_CALM',
    fault: () => reset({ http2Code: 11 }),
    options: { rpc },
    codes: ['aborted', 'aborted', 'internal', 'internal', 'resource_exhausted'],
  },
  {
    failure: 'a black hole holds the connection',
    fault: () => blackHole(),
    codes: [late, late, late, late, late],
  },
  {
    failure: 'a black hole holds the call',
    fault: () => blackHole(),
    options: { rpc },
    codes: [late, late, late, late, late],
  },
  {
    failure: 'requests are blocked',
    fault: () => partition(),
    options: { direction: 'up' },
    codes: [late, late, late, late, late],
  },
  { failure: 'answers are blocked', fault: () => partition(), codes: [late, late, late, late, late] },
  {
    failure: 'the answer is later than the deadline',
    fault: () => latency({ delayMs: 30_000 }),
    options: { rpc },
    codes: [late, late, late, late, late],
  },
  {
    failure: 'the answer is slower than the deadline',
    fault: () => bandwidth({ bytesPerSecond: 1 }),
    options: { rpc },
    codes: [late, late, late, late, late],
  },
  {
    failure: 'the answer does not end in time',
    fault: () => slowClose({ delayMs: 30_000 }),
    options: { rpc },
    codes: [late, late, late, late, late],
  },
  {
    failure: 'the server closes its side of the connection in place of the answer',
    fault: () => halfClose(),
    codes: ['aborted', 'aborted', 'canceled', 'canceled', 'unavailable'],
  },
  {
    failure: 'the answer ends before its body',
    fault: () => halfClose(),
    options: { rpc },
    codes: ['aborted', 'aborted', 'internal', 'internal', 'internal'],
  },
  {
    failure: 'the answer ends in the middle of its message',
    fault: () => truncateMessage({ afterBytes: 8 }),
    options: { rpc },
    codes: ['aborted', 'aborted', 'internal', 'invalid_argument', 'internal'],
  },
  {
    failure: 'the request ends before its body',
    fault: () => halfClose(),
    options: { rpc, direction: 'up' },
    // Connect over HTTP/2 reads an empty body as a message without any field set.
    codes: ['invalid_argument', 'internal', 'ok', 'unimplemented', 'unimplemented'],
  },
  {
    failure: 'the request ends in the middle of its message',
    fault: () => truncateMessage({ afterBytes: 2 }),
    options: { rpc, direction: 'up' },
    codes: ['invalid_argument', 'internal', 'invalid_argument', 'invalid_argument', 'invalid_argument'],
  },
  {
    failure: 'the connection ends in the middle of a frame',
    fault: () => truncateFrame({ afterBytes: 3 }),
    options: { rpc },
    codes: ['aborted', 'aborted', 'canceled', 'canceled', 'unavailable'],
  },
  {
    failure: 'garbage replaces the bytes of the connection',
    fault: () => garbage(),
    codes: ['internal', 'internal', 'internal', 'internal', 'internal'],
  },
  {
    failure: 'garbage replaces the body of the answer',
    fault: () => garbage(),
    options: { rpc },
    codes: ['internal', 'internal', 'internal', 'invalid_argument', 'resource_exhausted'],
  },
  {
    failure: 'a TLS alert answers plaintext',
    fault: () => answerInTls(),
    isWarm: false,
    codes: ['internal', 'internal', 'canceled', 'canceled', 'unavailable'],
  },
  {
    failure: 'a TLS client calls a plaintext port',
    fault: undefined,
    isWarm: false,
    codes: ['unknown', 'unknown', 'internal', 'internal', 'unavailable'],
    hits: [0, 0],
  },
  {
    failure: 'GOAWAY excludes the call: NO_ERROR',
    fault: () => goAway(),
    options: { rpc },
    codes: ['ok', 'ok', 'internal', 'internal', 'unavailable'],
    hits: [0, 1],
  },
  {
    failure: 'GOAWAY includes the call: NO_ERROR',
    fault: () => goAway({ refuses: false }),
    options: { rpc },
    codes: ['ok', 'ok', 'ok', 'ok', 'ok'],
    hits: [0, 1],
  },
  {
    failure: 'GOAWAY excludes the call: ENHANCE_YOUR_CALM',
    fault: () => goAway({ http2Code: 11 }),
    options: { rpc },
    codes: ['ok', 'ok', 'internal', 'internal', 'resource_exhausted'],
    hits: [0, 1],
  },
  {
    failure: 'a gateway answers 503 to the first call',
    fault: () => failFirst(1),
    options: { rpc },
    codes: ['unavailable', 'unavailable', 'unavailable', 'unavailable', 'unavailable'],
  },
  {
    failure: 'a gateway answers 429 to every call',
    fault: () => failEvery(1, 429),
    options: { rpc },
    codes: ['unavailable', 'unavailable', 'unavailable', 'unavailable', 'unavailable'],
  },
  {
    failure: 'a gateway answers 500',
    fault: () => failAlways(500),
    options: { rpc },
    codes: ['unknown', 'unknown', 'unknown', 'unknown', 'unknown'],
  },
];

type Measured = readonly [code: string, hits: number];

/**
 * Returns the outcome of a call under the fault and the number of hits. A deadline that passes before the call has reached the fault
 * measures nothing, which happens on a busy machine: the next call gets a longer one.
 */
async function measure(dialect: Dialect, row: Row, [expectedCode, expectedHits]: Measured): Promise<Measured> {
  if (expectedCode !== late) return await callWithFault(dialect, row, LONG_DEADLINE_MS);
  for (let deadlineMs = SHORT_DEADLINE_MS; ; deadlineMs *= 2) {
    const [code, hits] = await callWithFault(dialect, row, deadlineMs);
    const wasTooShort = code === late && hits < expectedHits;
    if (!wasTooShort || deadlineMs >= LONGEST_SHORT_DEADLINE_MS) return [code, hits];
  }
}

/** Makes one call under the fault. Then checks that calls succeed once it is removed. */
async function callWithFault(
  { open }: Dialect,
  { fault, options = {}, isWarm = true }: Row,
  timeoutMs: number,
): Promise<Measured> {
  await using fixture = await startFixture();
  const { proxy } = fixture;
  if (fault === undefined) {
    using tlsCaller = open(proxy.url.replace('http:', 'https:'));
    return [await outcomeOf(tlsCaller.reserve('o1', { timeoutMs })), 0];
  }
  using caller = open(proxy.url);
  if (isWarm) await caller.reserve('o0');

  const handle = proxy.inject(fault(), options);
  const outcome = await outcomeOf(caller.reserve('o1', { timeoutMs }));
  const { hits } = handle;
  handle.remove();

  await vi.waitFor(async () => expect(await outcomeOf(caller.reserve('o2'))).toBe('ok'), {
    timeout: RECOVERY_LIMIT_MS,
  });
  return [outcome, hits];
}

describe('the code of a failure, and the recovery once its fault is removed', () => {
  it.each(rows)('$failure', async (row) => {
    const [hitsOfHttp1, hitsOfHttp2] = row.hits ?? [1, 1];
    const expected: Record<string, Measured> = {};
    const measured: Record<string, Measured> = {};
    for (const [index, dialect] of dialects.entries()) {
      const cell: Measured = [row.codes[index] ?? '', dialect.http === '2' ? hitsOfHttp2 : hitsOfHttp1];
      expected[dialect.dialect] = cell;
      measured[dialect.dialect] = await measure(dialect, row, cell);
    }

    expect(measured).toEqual(expected);
  });

  it('is documented in the README of the kit', () => {
    const readme = readFileSync(new URL('../../../../packages/kit/README.md', import.meta.url), 'utf8');
    const table = rows.map(
      ({ failure, codes }) => `| ${failure} | ${codes.map((code) => `\`${code}\``).join(' | ')} |`,
    );

    expect(readme).toContain(`\n${table.join('\n')}\n\n`);
  });
});
