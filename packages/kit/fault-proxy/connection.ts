// A proxied connection: two sockets, a pipe for each direction, and the relay for the protocol that the client speaks. It reads
// no faster than the other side accepts, and holds a bounded number of bytes.

import type { Socket } from 'node:net';
import { type Chunk, END_CHUNK } from './core/chunk.ts';
import type { Direction, FaultTarget, ProxiedCall } from './core/fault.ts';
import { Pipe } from './core/pipe.ts';
import type { Relay, RelayContext } from './core/relay.ts';
import { mayBeHttp2Server, type Protocol, protocolOfClient } from './first-bytes.ts';
import { resetSocket } from './tls-sockets.ts';

type ConnectionOptions = {
  readonly client: Socket;
  readonly upstream: Socket;
  /** How many bytes of one direction may be held before the proxy stops reading from its source. */
  readonly maxHeldBytes: number;
  readonly createRelay: (protocol: Protocol, context: RelayContext) => Relay;
  readonly offer: (call: ProxiedCall) => void;
  /** Called when both sockets are closed. */
  readonly onClosed: () => void;
};

const ABORT_CHUNK: Chunk = { kind: 'abort', payload: Buffer.alloc(0), isLast: true };
const NO_BYTES = Buffer.alloc(0);

export class Connection implements FaultTarget, RelayContext {
  readonly scope = 'connection';
  readonly pipes: Readonly<Record<Direction, Pipe>>;
  readonly #options: ConnectionOptions;
  readonly #sources: Readonly<Record<Direction, Socket>>;
  readonly #hasEnded: Record<Direction, boolean> = { up: false, down: false };
  readonly #isClosed: Record<Direction, boolean> = { up: false, down: false };
  // The bytes that arrived before the protocol was known.
  readonly #early: Record<Direction, Buffer> = { up: NO_BYTES, down: NO_BYTES };
  #relay: Relay | undefined;
  #onClientClosed: (() => void)[] = [];
  #isClientClosed = false;
  #isOver = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#sources = { up: options.client, down: options.upstream };
    this.pipes = { up: this.#createPipe('up'), down: this.#createPipe('down') };
  }

  get connection(): FaultTarget {
    return this;
  }

  get maxHeldBytes(): number {
    return this.#options.maxHeldBytes;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Starts to relay. The caller connects the upstream socket. */
  begin(): void {
    this.#listen('up');
    this.#listen('down');
  }

  offer(call: ProxiedCall): void {
    this.#options.offer(call);
  }

  send(direction: Direction, chunk: Chunk): void {
    this.pipes[direction].push(chunk);
  }

  sendBytes(direction: Direction, bytes: Buffer): void {
    this.pipes[direction].push({ kind: 'body', payload: bytes, isLast: false });
  }

  reset(): void {
    this.#discard();
    for (const socket of Object.values(this.#sources)) resetSocket(socket);
  }

  close(): void {
    this.pipes.down.push(END_CHUNK);
    this.#isOver = true;
    this.#relay?.close();
    this.pipes.up.close();
    this.#sources.down.destroy();
  }

  truncate(direction: Direction, chunk: Chunk, keptBytes: number): void {
    this.sendAndClose(direction, chunk.payload.subarray(0, keptBytes));
  }

  /** Sends bytes past all faults, and ends the connection after them. */
  sendAndClose(direction: Direction, bytes: Buffer): void {
    this.#discard();
    this.#sinkOf(direction).write(bytes);
    this.#sources.up.end();
    this.#sources.down.destroySoon();
  }

  drop(): void {
    this.#discard();
    for (const socket of Object.values(this.#sources)) socket.destroy();
  }

  onClientClosed(listener: () => void): void {
    if (this.#isClientClosed) listener();
    else this.#onClientClosed.push(listener);
  }

  updateBackpressure(direction: Direction): void {
    const source = this.#sources[direction];
    const sink = this.#sinkOf(direction);
    const heldBytes = this.pipes[direction].heldBytes + (this.#relay?.heldBytes(direction) ?? 0);
    const isFull = !sink.destroyed && (sink.writableNeedDrain || heldBytes > this.maxHeldBytes);
    if (isFull) source.pause();
    else if (source.isPaused()) source.resume();
  }

  #createPipe(direction: Direction): Pipe {
    return new Pipe(
      (chunk) => this.#pass(direction, chunk),
      () => this.updateBackpressure(direction),
    );
  }

  #listen(direction: Direction): void {
    const socket = this.#sources[direction];
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#take(direction, bytes));
    socket.on('drain', () => this.updateBackpressure(direction === 'up' ? 'down' : 'up'));
    socket.on('end', () => this.#takeEnd(direction));
    // Node emits `close` next, where the other side is reset. Without a listener the error would end the process.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#takeClose(direction));
  }

  #take(direction: Direction, bytes: Buffer): void {
    if (this.#isOver) return;
    const sockets = Object.values(this.#sources);
    for (const socket of sockets) socket.cork();
    if (this.#relay === undefined) this.#detectProtocol(direction, bytes);
    else this.#relay.take(direction, bytes);
    for (const socket of sockets) socket.uncork();
    this.updateBackpressure(direction);
  }

  #detectProtocol(direction: Direction, bytes: Buffer): void {
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
    this.#early.up = NO_BYTES;
    this.#early.down = NO_BYTES;
    return relay;
  }

  #takeEnd(direction: Direction): void {
    this.#hasEnded[direction] = true;
    if (direction === 'up') this.#notifyClientClosed();
    if (!this.#isOver) (this.#relay ?? this.#startRelay('tcp')).end(direction);
  }

  #takeClose(direction: Direction): void {
    if (!this.#hasEnded[direction]) {
      if (direction === 'up') this.#notifyClientClosed();
      this.pipes[direction].push(ABORT_CHUNK);
    }
    this.#isClosed[direction] = true;
    if (!this.#isClosed.up || !this.#isClosed.down) return;
    this.#discard();
    this.#options.onClosed();
  }

  #notifyClientClosed(): void {
    this.#isClientClosed = true;
    const listeners = this.#onClientClosed;
    this.#onClientClosed = [];
    for (const listener of listeners) listener();
  }

  #pass(direction: Direction, { kind, payload, isLast }: Chunk): void {
    const sink = this.#sinkOf(direction);
    if (kind === 'abort') {
      resetSocket(sink);
      return;
    }
    if (sink.destroyed) {
      // An operating system answers data for a process that has exited with a reset, too.
      if (!this.#isOver) resetSocket(this.#sources[direction]);
      return;
    }
    if (payload.length > 0) sink.write(payload);
    if (isLast) sink.end();
  }

  #discard(): void {
    this.#isOver = true;
    this.#relay?.close();
    this.pipes.up.close();
    this.pipes.down.close();
  }

  #sinkOf(direction: Direction): Socket {
    return this.#sources[direction === 'up' ? 'down' : 'up'];
  }
}
