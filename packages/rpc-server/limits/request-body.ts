// The body of a request as Connect's handler reads it, within limits: the time it takes to arrive, its size, and the memory that
// incomplete bodies hold together. A body beyond a limit ends with an error, which the handler answers in the caller's protocol.

import type { IncomingMessage } from 'node:http';
import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { BodyBudget, BudgetedBody } from './body-budget.ts';
import { EnvelopeMeter } from './envelope-meter.ts';
import { type LimitErrors, type LimitName, retryDelay } from './limit-error.ts';

const ENVELOPE_HEADER_BYTES = 5;
const RETRY_AFTER_MS = 1_000;

export type BodyLimits = {
  readonly budget: BodyBudget;
  /** The largest message, in bytes. */
  readonly maxMessageBytes: number;
  /** How long a message may take to arrive. */
  readonly bodyTimeoutMs: number;
  readonly errors: LimitErrors;
  readonly onLimit: (limit: LimitName) => void;
};

/** The body of one request. */
export type LimitedBody = {
  /** The chunks; throws `resource_exhausted` or `deadline_exceeded` beyond a limit. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Reads a single message; throws as `chunks` does. */
  readonly whole: () => Promise<Uint8Array>;
  /** The call is over: its body counts no longer. */
  release(): void;
};

/**
 * Returns the body of `request`. Nothing is read before the first chunk is asked for. A single message is passed on when it is
 * complete, so that no memory is reserved for bytes that were only announced; messages of a stream as they come.
 *
 * @param timeoutMs the rest of the caller's deadline.
 */
export function limitBody(
  request: IncomingMessage,
  method: DescMethod,
  timeoutMs: number | undefined,
  limits: BodyLimits,
): LimitedBody {
  const reader = new ChunkReader(request);
  const body = limits.budget.open(connectionOf(request), () => {
    limits.onLimit('request_bytes');
    reader.fail(
      limits.errors({
        code: Code.ResourceExhausted,
        reason: 'TOO_MANY_REQUEST_BYTES',
        message:
          'the server is receiving too many large or slow requests: send the request again, at once and in one go',
        retryAfterMs: retryDelay(RETRY_AFTER_MS),
      }),
    );
  });
  const isSingle = method.methodKind === 'unary' || method.methodKind === 'server_streaming';
  const timer = new ArrivalTimer(timeoutMs, limits, (error) => reader.fail(error));
  const readAll = () => readMessage(request, reader, body, timer, limits);
  return {
    chunks: isSingle ? flatten(readAll) : readMessages(request, reader, body, timer),
    whole: async () => joinChunks(await readAll()),
    release: () => {
      timer.stop();
      body.release();
    },
  };
}

async function* flatten(read: () => Promise<Uint8Array[]>): AsyncGenerator<Uint8Array> {
  yield* await read();
}

// Copied, because a chunk is a part of what the connection has read: a message would keep all of that in memory.
function joinChunks(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(chunks.reduce((bytes, chunk) => bytes + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

async function readMessage(
  request: IncomingMessage,
  reader: ChunkReader,
  body: BudgetedBody,
  timer: ArrivalTimer,
  { maxMessageBytes }: BodyLimits,
): Promise<Uint8Array[]> {
  const meter = isEnveloped(request) ? new EnvelopeMeter() : undefined;
  const maxBytes = maxMessageBytes + (meter ? ENVELOPE_HEADER_BYTES : 0);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  assertSize(Number(request.headers['content-length'] ?? 0), maxBytes, maxMessageBytes);
  body.hold(0);
  timer.start();
  try {
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
      bytes += chunk.length;
      assertSize(bytes, maxBytes, maxMessageBytes);
      assertSize(meter?.add(chunk) ?? 0, maxMessageBytes, maxMessageBytes);
      chunks.push(chunk);
      body.hold(bytes);
    }
  } finally {
    timer.stop();
    reader.close();
  }
  body.complete();
  return chunks;
}

async function* readMessages(
  request: IncomingMessage,
  reader: ChunkReader,
  body: BudgetedBody,
  timer: ArrivalTimer,
): AsyncGenerator<Uint8Array> {
  const meter = isEnveloped(request) ? new EnvelopeMeter() : undefined;
  body.hold(0);
  try {
    for (let chunk = await reader.next(); chunk !== undefined; chunk = await reader.next()) {
      const wasBetweenMessages = meter?.heldBytes === 0;
      meter?.add(chunk);
      const heldBytes = meter?.heldBytes ?? 0;
      body.hold(heldBytes);
      if (heldBytes === 0) timer.stop();
      else if (wasBetweenMessages || heldBytes < chunk.length) timer.start();
      yield chunk;
    }
  } finally {
    timer.stop();
    reader.close();
  }
  body.complete();
}

function assertSize(bytes: number, maxBytes: number, maxMessageBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new ConnectError(`message size is larger than ${maxMessageBytes} bytes`, Code.ResourceExhausted);
}

// Only unary Connect has bodies without envelopes.
function isEnveloped({ headers }: IncomingMessage): boolean {
  return /^application\/(grpc|connect\+)/.test(headers['content-type'] ?? '');
}

function connectionOf(request: IncomingMessage): unknown {
  return (request as { stream?: { session?: unknown } }).stream?.session ?? request.socket;
}

/** Limits the time a message takes to arrive, by the server's limit and by the caller's deadline, whichever is earlier. */
class ArrivalTimer {
  readonly #fail: (error: ConnectError) => void;
  readonly #limits: BodyLimits;
  readonly #deadlineMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number | undefined, limits: BodyLimits, fail: (error: ConnectError) => void) {
    this.#deadlineMs = performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY);
    this.#limits = limits;
    this.#fail = fail;
  }

  start(): void {
    this.stop();
    const { bodyTimeoutMs, errors, onLimit } = this.#limits;
    const leftMs = this.#deadlineMs - performance.now();
    this.#timer = setTimeout(
      () => {
        if (leftMs <= bodyTimeoutMs) {
          this.#fail(
            new ConnectError('the operation timed out before the request was complete', Code.DeadlineExceeded),
          );
          return;
        }
        onLimit('body_timeout');
        const message = `the request was not complete within ${bodyTimeoutMs} ms`;
        this.#fail(errors({ code: Code.DeadlineExceeded, reason: 'REQUEST_INCOMPLETE', message }));
      },
      Math.max(0, Math.min(bodyTimeoutMs, leftMs)),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

const PROGRESS = ['readable', 'end', 'error', 'aborted', 'close'] as const;

/**
 * Reads chunks until it is told to fail. Unlike Node's iterator it can be abandoned in the middle of a wait, and leaves the request in a
 * state in which the rest of the body can be dropped.
 */
class ChunkReader {
  readonly #request: IncomingMessage;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;
  #isListening = false;
  readonly #onProgress = () => this.#wake();

  constructor(request: IncomingMessage) {
    this.#request = request;
  }

  /** Makes the current and all later reads throw. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** Returns the next chunk, `undefined` at the end. */
  async next(): Promise<Uint8Array | undefined> {
    const request = this.#request;
    for (;;) {
      if (this.#failure) throw this.#failure;
      const chunk: Uint8Array | null = request.read();
      if (chunk !== null) return chunk;
      // An HTTP/2 request that was reset ends like a complete one.
      if (request.aborted || (request.destroyed && !request.readableEnded)) {
        throw new ConnectError('the caller broke off the request', Code.Canceled);
      }
      if (request.readableEnded) return undefined;
      this.#listen();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Reads no more: leaves the request to others. */
  close(): void {
    if (!this.#isListening) return;
    this.#isListening = false;
    for (const event of PROGRESS) this.#request.off(event, this.#onProgress);
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    for (const event of PROGRESS) this.#request.on(event, this.#onProgress);
  }
}
