// The relay for cleartext HTTP/2. It forwards frames unchanged, and parses only the streams that a fault affects. Stream ids
// towards the upstream service are assigned in the order of forwarding: HTTP/2 requires increasing ids, and a fault may hold
// back or discard a stream.

import { type Chunk, END_CHUNK } from '../core/chunk.ts';
import type { Direction } from '../core/fault.ts';
import { type Relay, type RelayContext, rpcOfPath } from '../core/relay.ts';
import { ConnectionWindow } from './connection-window.ts';
import {
  ErrorCode,
  Flag,
  type Frame,
  FrameType,
  MAX_STREAM_ID,
  MalformedError,
  PREFACE,
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
import { type HeadDetail, Http2Call, type Http2CallContext } from './http2-call.ts';

type Side = {
  readonly frames: FrameReader;
  readonly blocks: HeaderBlocks;
  readonly window: ConnectionWindow;
  // Header blocks are forwarded unchanged until one is held back or discarded. From then on the receiver's HPACK table would
  // differ from the sender's, so blocks are re-encoded without a table.
  reencodesHeaders: boolean;
  sizeUpdate: number | undefined;
};

export class Http2Relay implements Relay {
  readonly #context: RelayContext;
  readonly #sides: Readonly<Record<Direction, Side>>;
  readonly #byClientId = new Map<number, Http2Call>();
  readonly #byUpstreamId = new Map<number, Http2Call>();
  readonly #faulted = new Set<Http2Call>();
  #prefaceLeft: number = PREFACE.length;
  // The client's first frames, held until the upstream service has sent SETTINGS. A fault may answer a call, and a client
  // accepts no other frame before SETTINGS.
  #earlyCalls: Frame[] | undefined = [];
  #latestClientId = 0;
  #nextUpstreamId = 1;
  #hasUpstreamSpoken = false;
  #isGoingAway = false;
  #isUnreadable = false;

  constructor(context: RelayContext) {
    this.#context = context;
    this.#sides = { up: this.#createSide('up'), down: this.#createSide('down') };
  }

  take(direction: Direction, bytes: Buffer): void {
    let rest = bytes;
    if (direction === 'up' && this.#prefaceLeft > 0) {
      const begin = rest.subarray(0, this.#prefaceLeft);
      this.#prefaceLeft -= begin.length;
      this.#context.sendBytes('up', begin);
      rest = rest.subarray(begin.length);
    }
    if (this.#isUnreadable) {
      this.#context.sendBytes(direction, rest);
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
    this.#context.send(direction, { ...END_CHUNK, payload: this.#sides[direction].frames.takeRest() });
  }

  heldBytes(direction: Direction): number {
    const { frames, window } = this.#sides[direction];
    let bytes = frames.heldBytes + window.queuedBytes;
    if (direction === 'up') for (const frame of this.#earlyCalls ?? []) bytes += frame.bytes.length;
    for (const call of this.#faulted) bytes += call.pipes[direction].heldBytes;
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
        send: (bytes) => this.#context.sendBytes(direction, bytes),
        answer: (bytes) => this.#context.sendBytes(back, bytes),
        maxAdvanceBytes: this.#context.maxHeldBytes / 2,
      }),
      reencodesHeaders: false,
      sizeUpdate: undefined,
    };
  }

  #takeFrames(direction: Direction, frames: readonly Frame[]): void {
    for (const [index, frame] of frames.entries()) {
      if (this.#context.connection.isOver) return;
      try {
        this.#takeFrame(direction, frame);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        // Not valid HTTP/2. The receiver decides what to do with it; from here on no fault can affect a single call.
        this.#isUnreadable = true;
        for (const { bytes } of frames.slice(index)) this.#context.sendBytes(direction, bytes);
        this.#context.sendBytes(direction, this.#sides[direction].frames.takeRest());
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
        // PRIORITY and extension frames of a single stream are hints and may be discarded. Frames of the connection pass.
        if (frame.streamId === 0) this.#context.sendBytes(direction, frame.bytes);
    }
  }

  #takeData(direction: Direction, frame: Frame): void {
    const { window } = this.#sides[direction];
    const cost = frame.payload.length;
    const call = this.#callOf(direction, frame.streamId);
    if (call === undefined) {
      window.returnCredit(cost);
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
      window.returnCredit(padding);
      this.#context.sendBytes(direction === 'up' ? 'down' : 'up', writeWindowUpdate(frame.streamId, padding));
    }
    call.credits[direction].receive(payload.length);
    call.pipes[direction].push({ kind: 'body', payload, isLast });
    if (!call.isOver) call.credits[direction].advance();
  }

  #takeBlock(direction: Direction, block: HeaderBlock): void {
    const side = this.#sides[direction];
    if (block.sizeUpdate !== undefined) side.sizeUpdate = block.sizeUpdate;
    const isNew = direction === 'up' && block.streamId > this.#latestClientId;
    if (isNew) this.#latestClientId = block.streamId;
    const call = isNew ? this.#beginCall(block) : this.#callOf(direction, block.streamId);
    if (call === undefined || call.isOver || block.promisedId !== undefined) {
      side.reencodesHeaders = true;
      // An RPC is never pushed, so the client does not expect this stream.
      if (block.promisedId !== undefined)
        this.#context.sendBytes('up', writeReset(block.promisedId, ErrorCode.refusedStream));
      return;
    }
    if (this.#faulted.has(call)) {
      side.reencodesHeaders = true;
      const detail: HeadDetail = { fields: block.fields };
      call.pipes[direction].push({ kind: 'head', payload: Buffer.alloc(0), isLast: block.endsStream, detail });
      return;
    }
    if (direction === 'up') this.#openUpstream(call);
    this.#sendBlock(call, direction, block);
    if (block.endsStream) this.#endDirection(call, direction);
  }

  #beginCall(block: HeaderBlock): Http2Call | undefined {
    if (this.#isGoingAway) return undefined;
    const { up, down } = this.#sides;
    const context: Http2CallContext = {
      connection: this.#context.connection,
      credits: { up: up.window.openStream(), down: down.window.openStream() },
      send: (target, direction, chunk) => this.#sendChunk(target, direction, chunk),
      updateBackpressure: (target, direction) => this.#updateBackpressure(target, direction),
      end: (target, clientCode, upstreamCode) => this.#endCall(target, clientCode, upstreamCode),
      answer: (target, status) => this.#answer(target, status),
      truncate: (target, direction, chunk, keptBytes) => this.#truncate(target, direction, chunk, keptBytes),
      goAway: (target, http2Code, refuses) => this.#goAway(target, http2Code, refuses),
    };
    const call = new Http2Call(context, block.streamId, rpcOfPath(fieldValue(block.fields, ':path') ?? ''));
    this.#byClientId.set(call.clientId, call);
    this.#context.offer(call);
    if (!call.isOver && !(call.pipes.up.isEmpty && call.pipes.down.isEmpty)) this.#faulted.add(call);
    return call;
  }

  #takeReset(direction: Direction, frame: Frame): void {
    const call = this.#callOf(direction, frame.streamId);
    if (call === undefined) return;
    const code = readWord(frame.payload);
    if (direction === 'up') {
      this.#endCall(call, undefined, code);
    } else if (this.#faulted.has(call)) {
      call.pipes.down.push({ kind: 'abort', payload: Buffer.alloc(0), isLast: true, detail: code });
    } else {
      this.#endCall(call, code, undefined);
    }
  }

  #takeCredit(direction: Direction, frame: Frame): void {
    const credit = readWord(frame.payload) & MAX_STREAM_ID;
    if (frame.streamId === 0) {
      this.#sides[direction === 'up' ? 'down' : 'up'].window.grant(credit);
      return;
    }
    const call = this.#callOf(direction, frame.streamId);
    if (call === undefined) return;
    const streamId = call.idTowards(direction);
    if (streamId === 0) call.earlyCredit += credit;
    else this.#context.sendBytes(direction, writeWindowUpdate(streamId, credit));
  }

  #takeGoAway(direction: Direction, frame: Frame): void {
    const lastId = readWord(frame.payload) & MAX_STREAM_ID;
    if (direction === 'down' && lastId !== MAX_STREAM_ID) {
      // Translate to the client's stream ids: its latest call that the upstream service still answers.
      let lastClientId = 0;
      for (const call of [...this.#byClientId.values()]) {
        if (call.upstreamId === 0) this.#endCall(call, ErrorCode.refusedStream, undefined);
        else if (call.upstreamId <= lastId) lastClientId = Math.max(lastClientId, call.clientId);
      }
      frame.payload.writeUInt32BE(lastClientId, 0);
    }
    this.#context.sendBytes(direction, frame.bytes);
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
    if (side.reencodesHeaders) {
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

  #sendChunk(call: Http2Call, direction: Direction, { kind, payload, isLast, detail }: Chunk): void {
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
      call.credits[direction].pass(payload.length);
      window.send(
        writeFrame(FrameType.data, isLast ? Flag.endStream : 0, call.idTowards(direction), payload),
        payload.length,
      );
    }
    if (isLast) this.#endDirection(call, direction);
  }

  #updateBackpressure(call: Http2Call, direction: Direction): void {
    if (!call.isOver) call.credits[direction].advance();
    this.#context.updateBackpressure(direction);
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

  #truncate(call: Http2Call, direction: Direction, { payload }: Chunk, keptBytes: number): void {
    const id = call.idTowards(direction);
    const frame = writeFrame(FrameType.data, 0, id, payload.subarray(0, keptBytes), payload.length);
    this.#context.sendAndClose(direction, frame);
  }

  #goAway(call: Http2Call, http2Code: number, refuses: boolean): void {
    this.#isGoingAway = true;
    this.#context.sendBytes('down', writeGoAway(refuses ? Math.max(0, call.clientId - 2) : call.clientId, http2Code));
    if (refuses) this.#forget(call);
    if (http2Code !== ErrorCode.noError) this.#context.close();
    else this.#closeIfDone();
  }

  #forget(call: Http2Call): void {
    if (call.isOver) return;
    call.isOver = true;
    this.#byClientId.delete(call.clientId);
    this.#byUpstreamId.delete(call.upstreamId);
    if (this.#faulted.delete(call)) {
      for (const direction of ['up', 'down'] as const) {
        call.pipes[direction].close();
        call.credits[direction].close();
        this.#context.updateBackpressure(direction);
      }
    }
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#isGoingAway && this.#byClientId.size === 0 && !this.#context.connection.isOver) this.#context.close();
  }
}
