// One call of an HTTP/2 connection, a stream of the client's and one of the upstream service's, as faults see it.

import type { CallPort, Direction, TargetPort } from '../core/fault.ts';
import { Lane } from '../core/pipe.ts';
import type { Piece } from '../core/stage.ts';
import type { WindowAccount } from './connection-window.ts';
import type { HeaderField } from './hpack.ts';

/** What the relay does for its calls. */
export interface Http2CallPort {
  readonly connection: TargetPort;
  readonly accounts: Readonly<Record<Direction, WindowAccount>>;
  /** Sends a piece of the call on. */
  send(call: Http2Call, direction: Direction, piece: Piece): void;
  /** The call's lanes may hold less than before. */
  settle(call: Http2Call, direction: Direction): void;
  /** Ends the stream at either side that knows of it, with these codes; undefined says nothing. */
  end(call: Http2Call, clientCode: number | undefined, upstreamCode: number | undefined): void;
  answer(call: Http2Call, status: number): void;
  tear(call: Http2Call, direction: Direction, piece: Piece, keptBytes: number): void;
  goAway(call: Http2Call, http2Code: number, refuses: boolean): void;
}

/** What a head's piece carries. */
export interface HeadDetail {
  readonly fields: readonly HeaderField[];
}

const cancelCode = 8;

export class Http2Call implements CallPort {
  readonly scope = 'call';
  readonly protocol = 'http2';
  readonly rpc: string;
  /** The number of its stream, as the client knows it. */
  readonly clientId: number;
  /** The same, as the upstream service knows it; 0 until it does. */
  upstreamId = 0;
  readonly lanes: Readonly<Record<Direction, Lane>>;
  readonly accounts: Readonly<Record<Direction, WindowAccount>>;
  readonly hasEnded: Record<Direction, boolean> = { up: false, down: false };
  /** Stream credit the client gave before the upstream service knew of the stream. */
  earlyCredit = 0;
  isOver = false;
  readonly #port: Http2CallPort;

  constructor(port: Http2CallPort, clientId: number, rpc: string) {
    this.#port = port;
    this.clientId = clientId;
    this.rpc = rpc;
    this.accounts = port.accounts;
    this.lanes = { up: this.#createLane('up'), down: this.#createLane('down') };
  }

  get connection(): TargetPort {
    return this.#port.connection;
  }

  /** The number of its stream for the receiver of that direction. */
  idTowards(direction: Direction): number {
    return direction === 'up' ? this.upstreamId : this.clientId;
  }

  reset(http2Code: number): void {
    this.#port.end(this, http2Code, cancelCode);
  }

  close(): void {
    this.#port.end(this, undefined, cancelCode);
  }

  drop(): void {
    this.#port.end(this, undefined, cancelCode);
  }

  tear(direction: Direction, piece: Piece, keptBytes: number): void {
    this.#port.tear(this, direction, piece, keptBytes);
  }

  answer(status: number): void {
    this.#port.answer(this, status);
  }

  goAway(http2Code: number, refuses: boolean): boolean {
    this.#port.goAway(this, http2Code, refuses);
    return true;
  }

  onClientGone(): void {
    // A call that its client resets is over at once, whatever is done to it.
  }

  #createLane(direction: Direction): Lane {
    return new Lane(
      (piece) => this.#port.send(this, direction, piece),
      () => this.#port.settle(this, direction),
    );
  }
}
