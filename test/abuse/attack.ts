// What an attack is, and what all of them use. Every attack is bounded: in time by its signal, and in the number of its connections and
// requests by itself.
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { pause } from '../../services/platform/base/backoff.ts';

/** Node refuses streams of a client that has more than this to send. */
const MAX_SESSION_MIB = 1_000;

/** The service under attack; always on this machine. */
export type Target = {
  readonly url: string;
  readonly port: number;
  /** An order that stays PENDING for the length of the attack. */
  readonly orderId: string;
  /** What an operator shows, for calls that strangers may not make. */
  readonly authorization: string;
};

/** How often each outcome was seen, by name. */
export type Outcomes = Record<string, number>;

export type Attack = {
  readonly name: string;
  /** Attacks until `signal` aborts; then closes all it opened. */
  run(target: Target, signal: AbortSignal): Promise<Outcomes>;
};

/** Counts outcomes by name. */
export class OutcomeCounter {
  readonly outcomes: Outcomes = {};

  add(name: string): void {
    this.outcomes[name] = (this.outcomes[name] ?? 0) + 1;
  }
}

/** Runs `work` again and again, each time after a pause, until `signal` aborts; waits for the last one. */
export async function repeatUntil(signal: AbortSignal, pauseMs: number, work: () => unknown): Promise<void> {
  while (!signal.aborted) {
    await work();
    await pause(pauseMs, signal);
  }
}

/** Opens an HTTP/2 connection that is destroyed when `signal` aborts. Its errors are what an attack expects. */
export function openSession(url: string, signal: AbortSignal): ClientHttp2Session {
  const session = connectHttp2(url, { maxSessionMemory: MAX_SESSION_MIB });
  const close = (): void => session.destroy();
  session.on('error', close);
  signal.addEventListener('abort', close, { once: true });
  session.once('close', () => signal.removeEventListener('abort', close));
  return session;
}

/** Opens a TCP connection that is destroyed when `signal` aborts. */
export function openSocket(port: number, signal: AbortSignal): Socket {
  const socket = connectTcp({ host: '127.0.0.1', port });
  const close = (): void => {
    socket.destroy();
  };
  socket.on('error', close);
  signal.addEventListener('abort', close, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', close));
  return socket;
}

/** Waits for a socket or a stream to close; resolves when `signal` aborts, too. */
export function untilClosed(closing: {
  once(event: 'close', listener: () => void): unknown;
  destroyed: boolean;
}): Promise<void> {
  if (closing.destroyed) return Promise.resolve();
  return new Promise((resolve) => closing.once('close', resolve));
}

/** Reads the answer of a call: its code in Connect, `ok`, or how it broke. */
export async function readCode(stream: ClientHttp2Stream): Promise<string> {
  let status = 0;
  const chunks: Buffer[] = [];
  stream.on('response', (headers) => {
    status = Number(headers[':status']);
  });
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  // The server keeps a stream open for a while after its answer, for the rest of the request.
  stream.once('end', () => stream.close());
  await untilClosed(stream);
  // A stream ends with its error in the body.
  const [, code] = /"code":"(\w+)"/.exec(Buffer.concat(chunks).toString()) ?? [];
  if (code !== undefined) return code;
  if (status === 200) return 'ok';
  return status === 0 ? 'reset' : `HTTP ${status}`;
}
