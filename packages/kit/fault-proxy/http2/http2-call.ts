// A call of an HTTP/2 connection: a stream with the client and a stream with the upstream service.

import type { Chunk } from '../core/chunk.ts';
import type { Direction, FaultTarget, ProxiedCall } from '../core/fault.ts';
import { Pipe } from '../core/pipe.ts';
import type { StreamCredit } from './connection-window.ts';
import { ErrorCode } from './frame.ts';
import type { HeaderField } from './hpack.ts';

/** The relay, as its calls use it. */
export type Http2CallContext = {
  readonly connection: FaultTarget;
  readonly credits: Readonly<Record<Direction, StreamCredit>>;
  /** Forwards a chunk of the call. */
  send(call: Http2Call, direction: Direction, chunk: Chunk): void;
  /** Updates flow control, because the call's pipes may hold fewer bytes than before. */
  updateBackpressure(call: Http2Call, direction: Direction): void;
  /** Resets the stream on each side that has it, with these codes. A side whose code is undefined gets no RST_STREAM. */
  end(call: Http2Call, clientCode: number | undefined, upstreamCode: number | undefined): void;
  answer(call: Http2Call, status: number): void;
  truncate(call: Http2Call, direction: Direction, chunk: Chunk, keptBytes: number): void;
  goAway(call: Http2Call, http2Code: number, refuses: boolean): void;
};

/** The `detail` of a head chunk. */
export type HeadDetail = {
  readonly fields: readonly HeaderField[];
};

export class Http2Call implements ProxiedCall {
  readonly scope = 'call';
  readonly protocol = 'http2';
  readonly rpc: string;
  /** Its stream id on the client's connection. */
  readonly clientId: number;
  /** Its stream id on the upstream connection; 0 until the call is forwarded. */
  upstreamId = 0;
  readonly pipes: Readonly<Record<Direction, Pipe>>;
  readonly credits: Readonly<Record<Direction, StreamCredit>>;
  readonly hasEnded: Record<Direction, boolean> = { up: false, down: false };
  /** Stream credit that the client granted before the call was forwarded. */
  earlyCredit = 0;
  isOver = false;
  readonly #context: Http2CallContext;

  constructor(context: Http2CallContext, clientId: number, rpc: string) {
    this.#context = context;
    this.clientId = clientId;
    this.rpc = rpc;
    this.credits = context.credits;
    this.pipes = { up: this.#createPipe('up'), down: this.#createPipe('down') };
  }

  get connection(): FaultTarget {
    return this.#context.connection;
  }

  /** Returns its stream id for the receiver of that direction. */
  idTowards(direction: Direction): number {
    return direction === 'up' ? this.upstreamId : this.clientId;
  }

  reset(http2Code: number): void {
    this.#context.end(this, http2Code, ErrorCode.cancel);
  }

  close(): void {
    this.#context.end(this, undefined, ErrorCode.cancel);
  }

  drop(): void {
    this.#context.end(this, undefined, ErrorCode.cancel);
  }

  truncate(direction: Direction, chunk: Chunk, keptBytes: number): void {
    this.#context.truncate(this, direction, chunk, keptBytes);
  }

  answer(status: number): void {
    this.#context.answer(this, status);
  }

  goAway(http2Code: number, refuses: boolean): boolean {
    this.#context.goAway(this, http2Code, refuses);
    return true;
  }

  onClientClosed(): void {
    // Nothing to call: when the client resets a stream, the relay ends the call at once, even if a fault holds it.
  }

  #createPipe(direction: Direction): Pipe {
    return new Pipe(
      (chunk) => this.#context.send(this, direction, chunk),
      () => this.#context.updateBackpressure(this, direction),
    );
  }
}
