// One proxied connection: two sockets, a lane for each direction, and between them the relay for what the client turns out to
// speak. Reads no faster than the other side takes, and holds no more than a bounded number of bytes.

import type { Socket } from 'node:net';
import type { CallPort, Direction, TargetPort } from './core/fault.ts';
import { Lane } from './core/pipe.ts';
import type { Relay, RelayPort } from './core/relay.ts';
import { lastPiece, type Piece } from './core/stage.ts';
import { mayBeHttp2Server, type Protocol, protocolOfClient } from './first-bytes.ts';

interface ConnectionOptions {
  readonly client: Socket;
  /** Not connected yet. */
  readonly upstream: Socket;
  /** How many bytes faults may hold in one direction before its source is read no further. */
  readonly maxHeldBytes: number;
  readonly createRelay: (protocol: Protocol, port: RelayPort) => Relay;
  readonly offer: (call: CallPort) => void;
  /** Called once no socket is left. */
  readonly onClosed: () => void;
}

const abort: Piece = { kind: 'abort', payload: Buffer.alloc(0), isLast: true };
const nothing = Buffer.alloc(0);

export class Connection implements TargetPort, RelayPort {
  readonly scope = 'connection';
  readonly lanes: Readonly<Record<Direction, Lane>>;
  readonly #options: ConnectionOptions;
  readonly #sources: Readonly<Record<Direction, Socket>>;
  readonly #hasEnded: Record<Direction, boolean> = { up: false, down: false };
  // What came before it was known what the client speaks.
  readonly #early: Record<Direction, Buffer> = { up: nothing, down: nothing };
  #relay: Relay | undefined;
  #onClientGone: (() => void)[] = [];
  #isClientGone = false;
  #isOver = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#sources = { up: options.client, down: options.upstream };
    this.lanes = { up: this.#createLane('up'), down: this.#createLane('down') };
  }

  get connection(): TargetPort {
    return this;
  }

  get maxHeldBytes(): number {
    return this.#options.maxHeldBytes;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Begins to pass on, once the upstream socket is told where to connect. */
  begin(): void {
    this.#watch('up');
    this.#watch('down');
  }

  offer(call: CallPort): void {
    this.#options.offer(call);
  }

  send(direction: Direction, piece: Piece): void {
    this.lanes[direction].push(piece);
  }

  sendBytes(direction: Direction, bytes: Buffer): void {
    this.lanes[direction].push({ kind: 'body', payload: bytes, isLast: false });
  }

  reset(): void {
    this.#finish();
    for (const socket of Object.values(this.#sources)) resetSocket(socket);
  }

  close(): void {
    this.lanes.down.push(lastPiece);
    this.#isOver = true;
    this.#relay?.close();
    this.lanes.up.close();
    this.#sources.down.destroy();
  }

  tear(direction: Direction, piece: Piece, keptBytes: number): void {
    this.tearBytes(direction, piece.payload.subarray(0, keptBytes));
  }

  /** Sends bytes past all faults, and ends the connection after them. */
  tearBytes(direction: Direction, bytes: Buffer): void {
    this.#finish();
    this.#sinkOf(direction).write(bytes);
    this.#sources.up.end();
    this.#sources.down.destroySoon();
  }

  drop(): void {
    this.#finish();
    for (const socket of Object.values(this.#sources)) socket.destroy();
  }

  onClientGone(listener: () => void): void {
    if (this.#isClientGone) listener();
    else this.#onClientGone.push(listener);
  }

  settle(direction: Direction): void {
    const source = this.#sources[direction];
    const sink = this.#sinkOf(direction);
    const heldBytes = this.lanes[direction].heldBytes + (this.#relay?.heldBytes(direction) ?? 0);
    const isFull = !sink.destroyed && (sink.writableNeedDrain || heldBytes > this.maxHeldBytes);
    if (isFull) source.pause();
    else if (source.isPaused()) source.resume();
  }

  #createLane(direction: Direction): Lane {
    return new Lane(
      (piece) => this.#pass(direction, piece),
      () => this.settle(direction),
    );
  }

  #watch(direction: Direction): void {
    const socket = this.#sources[direction];
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#take(direction, bytes));
    socket.on('drain', () => this.settle(direction === 'up' ? 'down' : 'up'));
    socket.on('end', () => this.#takeEnd(direction));
    // Nothing to decide here: `close` follows, and tells the other side.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#takeClose(direction));
  }

  #take(direction: Direction, bytes: Buffer): void {
    if (this.#isOver) return;
    const sockets = Object.values(this.#sources);
    for (const socket of sockets) socket.cork();
    if (this.#relay === undefined) this.#recognize(direction, bytes);
    else this.#relay.take(direction, bytes);
    for (const socket of sockets) socket.uncork();
    this.settle(direction);
  }

  #recognize(direction: Direction, bytes: Buffer): void {
    this.#early[direction] = Buffer.concat([this.#early[direction], bytes]);
    const { up, down } = this.#early;
    const isTcp = down.length > this.maxHeldBytes || (down.length > 0 && !mayBeHttp2Server(down));
    const protocol = isTcp ? 'tcp' : up.length > 0 && protocolOfClient(up);
    if (protocol) this.#startRelay(protocol);
  }

  #startRelay(protocol: Protocol): Relay {
    const { up, down } = this.#early;
    const relay = this.#options.createRelay(protocol, this);
    this.#relay = relay;
    if (up.length > 0) relay.take('up', up);
    if (down.length > 0) relay.take('down', down);
    this.#early.up = nothing;
    this.#early.down = nothing;
    return relay;
  }

  #takeEnd(direction: Direction): void {
    this.#hasEnded[direction] = true;
    if (direction === 'up') this.#tellClientGone();
    if (!this.#isOver) (this.#relay ?? this.#startRelay('tcp')).end(direction);
  }

  #takeClose(direction: Direction): void {
    if (!this.#hasEnded[direction]) {
      if (direction === 'up') this.#tellClientGone();
      this.lanes[direction].push(abort);
    }
    if (!this.#sources.up.closed || !this.#sources.down.closed) return;
    this.#finish();
    this.#options.onClosed();
  }

  #tellClientGone(): void {
    this.#isClientGone = true;
    const listeners = this.#onClientGone;
    this.#onClientGone = [];
    for (const listener of listeners) listener();
  }

  #pass(direction: Direction, { kind, payload, isLast }: Piece): void {
    const sink = this.#sinkOf(direction);
    if (kind === 'abort') {
      resetSocket(sink);
      return;
    }
    if (sink.destroyed) {
      // As a system does for a process that is gone.
      if (!this.#isOver) resetSocket(this.#sources[direction]);
      return;
    }
    if (payload.length > 0) sink.write(payload);
    if (isLast) sink.end();
  }

  #finish(): void {
    this.#isOver = true;
    this.#relay?.close();
    this.lanes.up.close();
    this.lanes.down.close();
  }

  #sinkOf(direction: Direction): Socket {
    return this.#sources[direction === 'up' ? 'down' : 'up'];
  }
}

function resetSocket(socket: Socket): void {
  if (socket.connecting || socket.pending) socket.destroy();
  else socket.resetAndDestroy();
}
