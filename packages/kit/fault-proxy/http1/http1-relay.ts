// The relay for HTTP/1.1: tells the calls of a keep-alive connection apart, so that each has lanes of its own. A call cannot be
// broken off alone here: what breaks it breaks its connection.

import { STATUS_CODES } from 'node:http';
import type { CallPort, Direction, TargetPort } from '../core/fault.ts';
import { Lane } from '../core/pipe.ts';
import { type Relay, type RelayPort, rpcOfPath } from '../core/relay.ts';
import { lastPiece, type Piece } from '../core/stage.ts';
import { type MessagePart, MessageReader } from './message-reader.ts';

export class Http1Relay implements Relay {
  readonly #port: RelayPort;
  readonly #readers: Readonly<Record<Direction, MessageReader>>;
  // Those whose answer is not over, oldest first; clients that pipeline have more than one.
  #calls: Http1Call[] = [];
  #latest: Http1Call | undefined;
  // Those whose lanes are not over.
  readonly #open = new Set<Http1Call>();

  constructor(port: RelayPort) {
    this.#port = port;
    this.#readers = {
      up: new MessageReader({ side: 'request' }),
      down: new MessageReader({ side: 'response', isBodiless: () => this.#calls[0]?.method === 'HEAD' }),
    };
  }

  take(direction: Direction, bytes: Buffer): void {
    for (const part of this.#readers[direction].push(bytes)) {
      if (this.#port.connection.isOver) return;
      if (direction === 'up') this.#takeRequest(part);
      else this.#takeResponse(part);
    }
  }

  end(direction: Direction): void {
    const call = direction === 'up' ? this.#latest : this.#calls[0];
    const rest = this.#readers[direction].takeRest();
    const end = { ...lastPiece, payload: rest };
    const lane = call?.lanes[direction];
    // Nothing overtakes what is held of a call.
    if (lane === undefined || lane.isOver) this.#port.send(direction, end);
    else if (call?.isDone(direction)) lane.onOver(() => this.#port.send(direction, end));
    else lane.push(end);
  }

  heldBytes(direction: Direction): number {
    let bytes = this.#readers[direction].heldBytes;
    for (const call of this.#open) bytes += call.lanes[direction].heldBytes;
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
      const call = new Http1Call(this.#port, method, rpcOfPath(path));
      this.#latest = call;
      this.#calls.push(call);
      this.#open.add(call);
      call.onOver(() => this.#open.delete(call));
      this.#port.offer(call);
    }
    if (this.#latest === undefined) this.#port.sendBytes('up', part.bytes);
    else this.#latest.push('up', part);
  }

  #takeResponse(part: MessagePart): void {
    const [call] = this.#calls;
    if (call === undefined) {
      this.#port.sendBytes('down', part.bytes);
      return;
    }
    if (part.startLine?.split(' ')[1] === '101') this.#readers.up.giveUp();
    call.push('down', part);
    if (part.isLast) this.#calls.shift();
  }
}

class Http1Call implements CallPort {
  readonly scope = 'call';
  readonly protocol = 'http1';
  readonly method: string;
  readonly rpc: string;
  readonly lanes: Readonly<Record<Direction, Lane>>;
  readonly #port: RelayPort;
  readonly #isDone: Record<Direction, boolean> = { up: false, down: false };

  constructor(port: RelayPort, method: string, rpc: string) {
    this.#port = port;
    this.method = method;
    this.rpc = rpc;
    this.lanes = { up: this.#createLane('up'), down: this.#createLane('down') };
  }

  get connection(): TargetPort {
    return this.#port.connection;
  }

  get isOver(): boolean {
    return this.connection.isOver;
  }

  /** Whether the whole message of that direction has come. */
  isDone(direction: Direction): boolean {
    return this.#isDone[direction];
  }

  push(direction: Direction, { kind, bytes, isLast }: MessagePart): void {
    if (isLast) this.#isDone[direction] = true;
    this.lanes[direction].push({ kind, payload: bytes, isLast, detail: 'message' });
  }

  /** Calls `listener` when both lanes are over. */
  onOver(listener: () => void): void {
    this.lanes.up.onOver(() => this.lanes.down.onOver(listener));
  }

  /** Drops what is held. */
  discard(): void {
    this.lanes.up.close();
    this.lanes.down.close();
  }

  close(): void {
    this.connection.close();
  }

  reset(): void {
    this.#port.reset();
  }

  drop(): void {
    this.connection.drop();
  }

  tear(direction: Direction, piece: Piece, keptBytes: number): void {
    this.connection.tear(direction, piece, keptBytes);
  }

  onClientGone(listener: () => void): void {
    this.connection.onClientGone(listener);
  }

  answer(status: number): void {
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
    this.#port.sendBytes('down', Buffer.from(head, 'latin1'));
    this.#port.close();
  }

  goAway(): boolean {
    return false;
  }

  // A message that ends leaves the connection open; an end that a fault put in, or the sender's own, does not.
  #createLane(direction: Direction): Lane {
    return new Lane(
      ({ payload, isLast, detail }) =>
        this.#port.send(direction, { kind: 'body', payload, isLast: isLast && detail !== 'message' }),
      () => this.#port.settle(direction),
    );
  }
}
