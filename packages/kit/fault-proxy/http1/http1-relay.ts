// The relay for HTTP/1.1: it splits a keep-alive connection into calls, each with its own pipes. HTTP/1.1 cannot reset a single
// call, so a fault that breaks a call breaks its connection.

import { STATUS_CODES } from 'node:http';
import { type Chunk, END_CHUNK } from '../core/chunk.ts';
import type { Direction, FaultTarget, ProxiedCall } from '../core/fault.ts';
import { Pipe } from '../core/pipe.ts';
import { type Relay, type RelayContext, rpcOfPath } from '../core/relay.ts';
import { type MessagePart, MessageReader } from './message-reader.ts';

export class Http1Relay implements Relay {
  readonly #context: RelayContext;
  readonly #readers: Readonly<Record<Direction, MessageReader>>;
  // The calls whose answer has not ended, oldest first. Clients that pipeline have more than one.
  #calls: Http1Call[] = [];
  // The methods of the requests whose answer has not begun, oldest first. A reader is ahead of the calls: it parses all bytes that have
  // arrived before their parts are taken.
  readonly #unanswered: string[] = [];
  #latest: Http1Call | undefined;
  // The calls with a pipe that has not ended.
  readonly #open = new Set<Http1Call>();

  constructor(context: RelayContext) {
    this.#context = context;
    this.#readers = {
      up: new MessageReader({ side: 'request' }),
      down: new MessageReader({ side: 'response', isBodiless: () => this.#unanswered.shift() === 'HEAD' }),
    };
  }

  take(direction: Direction, bytes: Buffer): void {
    for (const part of this.#readers[direction].push(bytes)) {
      if (this.#context.connection.isOver) return;
      if (direction === 'up') this.#takeRequest(part);
      else this.#takeResponse(part);
    }
  }

  end(direction: Direction): void {
    const call = direction === 'up' ? this.#latest : this.#calls[0];
    const rest = this.#readers[direction].takeRest();
    const end = { ...END_CHUNK, payload: rest };
    const pipe = call?.pipes[direction];
    // The end of the connection must not overtake the held chunks of a call.
    if (pipe === undefined || pipe.isOver) this.#context.send(direction, end);
    else if (call?.isDone(direction)) pipe.onOver(() => this.#context.send(direction, end));
    else pipe.push(end);
  }

  heldBytes(direction: Direction): number {
    let bytes = this.#readers[direction].heldBytes;
    for (const call of this.#open) bytes += call.pipes[direction].heldBytes;
    return bytes;
  }

  close(): void {
    for (const call of this.#open) call.discard();
    this.#calls = [];
    this.#latest = undefined;
  }

  #takeRequest(part: MessagePart): void {
    if (part.kind === 'head') {
      const [method = '', path = ''] = (part.startLine ?? '').split(' ');
      const call = new Http1Call(this.#context, rpcOfPath(path));
      this.#latest = call;
      this.#unanswered.push(method);
      this.#calls.push(call);
      this.#open.add(call);
      call.onOver(() => this.#open.delete(call));
      this.#context.offer(call);
    }
    if (this.#latest === undefined) this.#context.sendBytes('up', part.bytes);
    else this.#latest.push('up', part);
  }

  #takeResponse(part: MessagePart): void {
    const [call] = this.#calls;
    if (call === undefined) {
      this.#context.sendBytes('down', part.bytes);
      return;
    }
    if (part.startLine?.split(' ')[1] === '101') this.#readers.up.passThrough();
    call.push('down', part);
    if (part.isLast) this.#calls.shift();
  }
}

class Http1Call implements ProxiedCall {
  readonly scope = 'call';
  readonly protocol = 'http1';
  readonly rpc: string;
  readonly pipes: Readonly<Record<Direction, Pipe>>;
  readonly #context: RelayContext;
  readonly #isDone: Record<Direction, boolean> = { up: false, down: false };

  constructor(context: RelayContext, rpc: string) {
    this.#context = context;
    this.rpc = rpc;
    this.pipes = { up: this.#createPipe('up'), down: this.#createPipe('down') };
  }

  get connection(): FaultTarget {
    return this.#context.connection;
  }

  get isOver(): boolean {
    return this.connection.isOver;
  }

  /** Returns whether the whole message of that direction has arrived. */
  isDone(direction: Direction): boolean {
    return this.#isDone[direction];
  }

  push(direction: Direction, { kind, bytes, isLast }: MessagePart): void {
    if (isLast) this.#isDone[direction] = true;
    this.pipes[direction].push({ kind, payload: bytes, isLast, detail: 'message' });
  }

  /** Calls `listener` when both pipes have ended. */
  onOver(listener: () => void): void {
    this.pipes.up.onOver(() => this.pipes.down.onOver(listener));
  }

  /** Discards the held chunks. */
  discard(): void {
    this.pipes.up.close();
    this.pipes.down.close();
  }

  close(): void {
    this.connection.close();
  }

  reset(): void {
    this.#context.reset();
  }

  drop(): void {
    this.connection.drop();
  }

  truncate(direction: Direction, chunk: Chunk, keptBytes: number): void {
    this.connection.truncate(direction, chunk, keptBytes);
  }

  onClientClosed(listener: () => void): void {
    this.connection.onClientClosed(listener);
  }

  answer(status: number): void {
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
    this.#context.sendBytes('down', Buffer.from(head, 'latin1'));
    this.#context.close();
  }

  goAway(): boolean {
    return false;
  }

  // The end of a message leaves the connection open. An end that a fault inserts, or that the sender's FIN causes, closes it.
  #createPipe(direction: Direction): Pipe {
    return new Pipe(
      ({ payload, isLast, detail }) =>
        this.#context.send(direction, { kind: 'body', payload, isLast: isLast && detail !== 'message' }),
      () => this.#context.updateBackpressure(direction),
    );
  }
}
