// The relay for cleartext HTTP/2: passes frames as they came, and takes apart only the streams that a fault hits. Streams get
// numbers of their own towards the upstream service as soon as one is held back or left out, since it must see them in order.

import type { Direction } from '../core/fault.ts';
import { type Relay, type RelayPort, rpcOfPath } from '../core/relay.ts';
import { lastPiece, type Piece } from '../core/stage.ts';
import { ConnectionWindow } from './connection-window.ts';
import {
  ErrorCode,
  Flag,
  type Frame,
  FrameType,
  highestStreamId,
  MalformedError,
  preface,
  readWord,
  renumber,
  withoutPadding,
  writeFrame,
  writeGoAway,
  writeHeaders,
  writeReset,
  writeWindowUpdate,
} from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import { type HeaderBlock, HeaderBlocks } from './header-blocks.ts';
import { encodeFields, fieldValue, type HeaderField } from './hpack.ts';
import { type HeadDetail, Http2Call, type Http2CallPort } from './http2-call.ts';

interface Side {
  readonly frames: FrameReader;
  readonly blocks: HeaderBlocks;
  readonly window: ConnectionWindow;
  // Header blocks are passed as they came until one is held back or left out; from then on the receiver's table would be wrong.
  writesHeadersAnew: boolean;
  sizeUpdate: number | undefined;
}

export class Http2Relay implements Relay {
  readonly #port: RelayPort;
  readonly #sides: Readonly<Record<Direction, Side>>;
  readonly #byClientId = new Map<number, Http2Call>();
  readonly #byUpstreamId = new Map<number, Http2Call>();
  readonly #faulted = new Set<Http2Call>();
  #prefaceLeft: number = preface.length;
  // The client's first calls, until the upstream service has said its SETTINGS: before those, a client takes no other frame.
  #earlyCalls: Frame[] | undefined = [];
  #latestClientId = 0;
  #nextUpstreamId = 1;
  #hasUpstreamSpoken = false;
  #isGoingAway = false;
  #isUnreadable = false;

  constructor(port: RelayPort) {
    this.#port = port;
    this.#sides = { up: this.#createSide('up'), down: this.#createSide('down') };
  }

  take(direction: Direction, bytes: Buffer): void {
    let rest = bytes;
    if (direction === 'up' && this.#prefaceLeft > 0) {
      const begin = rest.subarray(0, this.#prefaceLeft);
      this.#prefaceLeft -= begin.length;
      this.#port.sendBytes('up', begin);
      rest = rest.subarray(begin.length);
    }
    if (this.#isUnreadable) {
      this.#port.sendBytes(direction, rest);
      return;
    }
    this.#takeFrames(direction, this.#sides[direction].frames.push(rest));
    if (direction === 'down' && this.#earlyCalls !== undefined && this.#hasUpstreamSpoken) {
      const calls = this.#earlyCalls;
      this.#earlyCalls = undefined;
      this.#takeFrames('up', calls);
    }
  }

  end(direction: Direction): void {
    this.#port.send(direction, { ...lastPiece, payload: this.#sides[direction].frames.takeRest() });
  }

  heldBytes(direction: Direction): number {
    const { frames, window } = this.#sides[direction];
    let bytes = frames.heldBytes + window.queuedBytes;
    if (direction === 'up') for (const frame of this.#earlyCalls ?? []) bytes += frame.bytes.length;
    for (const call of this.#faulted) bytes += call.lanes[direction].heldBytes;
    return bytes;
  }

  close(): void {
    for (const call of [...this.#byClientId.values()]) this.#forget(call);
  }

  #createSide(direction: Direction): Side {
    const back = direction === 'up' ? 'down' : 'up';
    return {
      frames: new FrameReader(),
      blocks: new HeaderBlocks(),
      window: new ConnectionWindow({
        send: (bytes) => this.#port.sendBytes(direction, bytes),
        answer: (bytes) => this.#port.sendBytes(back, bytes),
        lendingLimitBytes: this.#port.maxHeldBytes / 2,
      }),
      writesHeadersAnew: false,
      sizeUpdate: undefined,
    };
  }

  #takeFrames(direction: Direction, frames: readonly Frame[]): void {
    for (const [index, frame] of frames.entries()) {
      if (this.#port.connection.isOver) return;
      try {
        this.#takeFrame(direction, frame);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        // Not HTTP/2 as we know it: whoever receives it judges it, and the faults of single calls end here.
        this.#isUnreadable = true;
        for (const { bytes } of frames.slice(index)) this.#port.sendBytes(direction, bytes);
        this.#port.sendBytes(direction, this.#sides[direction].frames.takeRest());
        return;
      }
    }
  }

  #takeFrame(direction: Direction, frame: Frame): void {
    if (direction === 'up' && this.#earlyCalls !== undefined && frame.streamId !== 0) {
      this.#earlyCalls.push(frame);
      return;
    }
    switch (frame.type) {
      case FrameType.data:
        this.#takeData(direction, frame);
        break;
      case FrameType.headers:
      case FrameType.pushPromise:
      case FrameType.continuation: {
        const block = this.#sides[direction].blocks.add(frame);
        if (block !== undefined) this.#takeBlock(direction, block);
        break;
      }
      case FrameType.resetStream:
        this.#takeReset(direction, frame);
        break;
      case FrameType.windowUpdate:
        this.#takeCredit(direction, frame);
        break;
      case FrameType.goAway:
        this.#takeGoAway(direction, frame);
        break;
      default:
        if (direction === 'down') this.#hasUpstreamSpoken = true;
        // Priorities and extensions of single streams are hints; what concerns the connection passes.
        if (frame.streamId === 0) this.#port.sendBytes(direction, frame.bytes);
    }
  }

  #takeData(direction: Direction, frame: Frame): void {
    const { window } = this.#sides[direction];
    const cost = frame.payload.length;
    const call = this.#callOf(direction, frame.streamId);
    if (call === undefined) {
      window.giveBack(cost);
      return;
    }
    const isLast = (frame.flags & Flag.endStream) !== 0;
    if (!this.#faulted.has(call)) {
      renumber(frame.bytes, call.idTowards(direction));
      window.send(frame.bytes, cost);
      if (isLast) this.#endDirection(call, direction);
      return;
    }
    const payload = withoutPadding(frame);
    const padding = cost - payload.length;
    if (padding > 0) {
      window.giveBack(padding);
      this.#port.sendBytes(direction === 'up' ? 'down' : 'up', writeWindowUpdate(frame.streamId, padding));
    }
    call.accounts[direction].receive(payload.length);
    call.lanes[direction].push({ kind: 'body', payload, isLast });
    if (!call.isOver) call.accounts[direction].settle();
  }

  #takeBlock(direction: Direction, block: HeaderBlock): void {
    const side = this.#sides[direction];
    if (block.sizeUpdate !== undefined) side.sizeUpdate = block.sizeUpdate;
    const isNew = direction === 'up' && block.streamId > this.#latestClientId;
    if (isNew) this.#latestClientId = block.streamId;
    const call = isNew ? this.#beginCall(block) : this.#callOf(direction, block.streamId);
    if (call === undefined || call.isOver || block.promisedId !== undefined) {
      side.writesHeadersAnew = true;
      // No RPC is pushed: the client never asked for it.
      if (block.promisedId !== undefined)
        this.#port.sendBytes('up', writeReset(block.promisedId, ErrorCode.refusedStream));
      return;
    }
    if (this.#faulted.has(call)) {
      side.writesHeadersAnew = true;
      const detail: HeadDetail = { fields: block.fields };
      call.lanes[direction].push({ kind: 'head', payload: Buffer.alloc(0), isLast: block.endsStream, detail });
      return;
    }
    if (direction === 'up') this.#openUpstream(call);
    this.#sendBlock(call, direction, block);
    if (block.endsStream) this.#endDirection(call, direction);
  }

  #beginCall(block: HeaderBlock): Http2Call | undefined {
    if (this.#isGoingAway) return undefined;
    const { up, down } = this.#sides;
    const port: Http2CallPort = {
      connection: this.#port.connection,
      accounts: { up: up.window.openAccount(), down: down.window.openAccount() },
      send: (target, direction, piece) => this.#sendPiece(target, direction, piece),
      settle: (target, direction) => this.#settle(target, direction),
      end: (target, clientCode, upstreamCode) => this.#endCall(target, clientCode, upstreamCode),
      answer: (target, status) => this.#answer(target, status),
      tear: (target, direction, piece, keptBytes) => this.#tear(target, direction, piece, keptBytes),
      goAway: (target, http2Code, refuses) => this.#goAway(target, http2Code, refuses),
    };
    const call = new Http2Call(port, block.streamId, rpcOfPath(fieldValue(block.fields, ':path') ?? ''));
    this.#byClientId.set(call.clientId, call);
    this.#port.offer(call);
    if (!call.isOver && !(call.lanes.up.isFree && call.lanes.down.isFree)) this.#faulted.add(call);
    return call;
  }

  #takeReset(direction: Direction, frame: Frame): void {
    const call = this.#callOf(direction, frame.streamId);
    if (call === undefined) return;
    const code = readWord(frame.payload);
    if (direction === 'up') {
      this.#endCall(call, undefined, code);
    } else if (this.#faulted.has(call)) {
      call.lanes.down.push({ kind: 'abort', payload: Buffer.alloc(0), isLast: true, detail: code });
    } else {
      this.#endCall(call, code, undefined);
    }
  }

  #takeCredit(direction: Direction, frame: Frame): void {
    const credit = readWord(frame.payload) & highestStreamId;
    if (frame.streamId === 0) {
      this.#sides[direction === 'up' ? 'down' : 'up'].window.grant(credit);
      return;
    }
    const call = this.#callOf(direction, frame.streamId);
    if (call === undefined) return;
    const streamId = call.idTowards(direction);
    if (streamId === 0) call.earlyCredit += credit;
    else this.#port.sendBytes(direction, writeWindowUpdate(streamId, credit));
  }

  #takeGoAway(direction: Direction, frame: Frame): void {
    const lastId = readWord(frame.payload) & highestStreamId;
    if (direction === 'down' && lastId !== highestStreamId) {
      // The same promise in the client's numbers: its latest call that the upstream service still answers.
      let lastClientId = 0;
      for (const call of [...this.#byClientId.values()]) {
        if (call.upstreamId === 0) this.#endCall(call, ErrorCode.refusedStream, undefined);
        else if (call.upstreamId <= lastId) lastClientId = Math.max(lastClientId, call.clientId);
      }
      frame.payload.writeUInt32BE(lastClientId, 0);
    }
    this.#port.sendBytes(direction, frame.bytes);
  }

  #callOf(direction: Direction, streamId: number): Http2Call | undefined {
    return (direction === 'up' ? this.#byClientId : this.#byUpstreamId).get(streamId);
  }

  #openUpstream(call: Http2Call): void {
    if (call.upstreamId !== 0) return;
    call.upstreamId = this.#nextUpstreamId;
    this.#nextUpstreamId += 2;
    this.#byUpstreamId.set(call.upstreamId, call);
  }

  #sendBlock(call: Http2Call, direction: Direction, block: HeaderBlock): void {
    const side = this.#sides[direction];
    if (side.writesHeadersAnew) {
      this.#sendFields(call, direction, block.fields, block.endsStream);
      return;
    }
    side.sizeUpdate = undefined;
    for (const bytes of block.frames) {
      renumber(bytes, call.idTowards(direction));
      side.window.send(bytes, 0);
    }
  }

  #sendFields(call: Http2Call, direction: Direction, fields: readonly HeaderField[], isLast: boolean): void {
    const side = this.#sides[direction];
    const block = encodeFields(fields, side.sizeUpdate);
    side.sizeUpdate = undefined;
    side.window.send(writeHeaders(call.idTowards(direction), block, isLast), 0);
  }

  #sendPiece(call: Http2Call, direction: Direction, { kind, payload, isLast, detail }: Piece): void {
    if (call.isOver) return;
    if (kind === 'abort') {
      this.#endCall(call, detail as number, undefined);
      return;
    }
    const { window } = this.#sides[direction];
    if (kind === 'head') {
      const opens = direction === 'up' && call.upstreamId === 0;
      if (opens) this.#openUpstream(call);
      this.#sendFields(call, direction, (detail as HeadDetail).fields, isLast);
      if (opens && call.earlyCredit > 0) window.send(writeWindowUpdate(call.upstreamId, call.earlyCredit), 0);
    } else {
      call.accounts[direction].pass(payload.length);
      window.send(
        writeFrame(FrameType.data, isLast ? Flag.endStream : 0, call.idTowards(direction), payload),
        payload.length,
      );
    }
    if (isLast) this.#endDirection(call, direction);
  }

  #settle(call: Http2Call, direction: Direction): void {
    if (!call.isOver) call.accounts[direction].settle();
    this.#port.settle(direction);
  }

  #endDirection(call: Http2Call, direction: Direction): void {
    call.hasEnded[direction] = true;
    if (call.hasEnded.up && call.hasEnded.down) this.#forget(call);
  }

  #endCall(call: Http2Call, clientCode: number | undefined, upstreamCode: number | undefined): void {
    if (call.isOver) return;
    if (clientCode !== undefined) this.#sides.down.window.send(writeReset(call.clientId, clientCode), 0);
    if (upstreamCode !== undefined && call.upstreamId !== 0) {
      this.#sides.up.window.send(writeReset(call.upstreamId, upstreamCode), 0);
    }
    this.#forget(call);
  }

  #answer(call: Http2Call, status: number): void {
    this.#sendFields(call, 'down', [{ name: ':status', value: String(status), isSensitive: false }], true);
    this.#endCall(call, undefined, ErrorCode.cancel);
  }

  #tear(call: Http2Call, direction: Direction, { payload }: Piece, keptBytes: number): void {
    const id = call.idTowards(direction);
    const frame = writeFrame(FrameType.data, 0, id, payload.subarray(0, keptBytes), payload.length);
    this.#port.tearBytes(direction, frame);
  }

  #goAway(call: Http2Call, http2Code: number, refuses: boolean): void {
    this.#isGoingAway = true;
    this.#port.sendBytes('down', writeGoAway(refuses ? Math.max(0, call.clientId - 2) : call.clientId, http2Code));
    if (refuses) this.#forget(call);
    if (http2Code !== ErrorCode.noError) this.#port.close();
    else this.#closeIfDone();
  }

  #forget(call: Http2Call): void {
    if (call.isOver) return;
    call.isOver = true;
    this.#byClientId.delete(call.clientId);
    this.#byUpstreamId.delete(call.upstreamId);
    if (this.#faulted.delete(call)) {
      for (const direction of ['up', 'down'] as const) {
        call.lanes[direction].close();
        call.accounts[direction].close();
        this.#port.settle(direction);
      }
    }
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#isGoingAway && this.#byClientId.size === 0 && !this.#port.connection.isOver) this.#port.close();
  }
}
