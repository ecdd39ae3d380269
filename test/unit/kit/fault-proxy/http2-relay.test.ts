// The HTTP/2 relay: the frames it sends to the upstream service and to the client, and their stream ids.
import { describe, expect, it } from 'vitest';
import type { Direction, FaultTarget, ProxiedCall } from '../../../../packages/kit/fault-proxy/core/fault.ts';
import {
  Flag,
  FrameType,
  PREFACE,
  writeFrame,
  writeGoAway,
  writeHeaders,
  writeReset,
  writeWindowUpdate,
} from '../../../../packages/kit/fault-proxy/http2/frame.ts';
import { FrameReader } from '../../../../packages/kit/fault-proxy/http2/frame-reader.ts';
import { HeaderBlocks } from '../../../../packages/kit/fault-proxy/http2/header-blocks.ts';
import { encodeFields } from '../../../../packages/kit/fault-proxy/http2/hpack.ts';
import { Http2Relay } from '../../../../packages/kit/fault-proxy/http2/http2-relay.ts';
import { DelayingStage } from '../../../../packages/kit/fault-proxy/stages/delaying-stage.ts';

const settings = writeFrame(FrameType.settings, 0, 0, Buffer.alloc(0));
const headers = (id: number, path: string, ends = false) =>
  writeHeaders(id, encodeFields([{ name: ':path', value: path, isSensitive: false }]), ends);
const data = (id: number, text: string, flags = 0) => writeFrame(FrameType.data, flags, id, Buffer.from(text));
const hold = () => new DelayingStage({ dueMs: () => Number.POSITIVE_INFINITY, onHold: () => undefined });

/** A relay that has exchanged SETTINGS, and the frames it has sent since. `offer` acts as the faults. */
function createRelay(offer: (call: ProxiedCall) => void = () => undefined) {
  const sent: Record<Direction, Buffer[]> = { up: [], down: [] };
  const connection = { isOver: false };
  const relay = new Http2Relay({
    send: (direction, { payload }) => void sent[direction].push(payload),
    sendBytes: (direction, bytes) => void sent[direction].push(Buffer.from(bytes)),
    offer,
    updateBackpressure: () => undefined,
    reset: () => undefined,
    sendAndClose: (direction, bytes) => void sent[direction].push(bytes),
    close: () => {
      connection.isOver = true;
    },
    connection: connection as FaultTarget,
    maxHeldBytes: 1_000_000,
  });
  const take = (direction: Direction): string[] => {
    const frames = new FrameReader().push(Buffer.concat(sent[direction]));
    sent[direction] = [];
    return frames.map(({ type, flags, streamId, payload }) => {
      const name = Object.entries(FrameType).find(([, number]) => number === type)?.[0];
      const text = type === FrameType.data ? payload.toString() : payload.toString('hex');
      return `${name} ${streamId}${flags & Flag.endStream ? '.' : ''}${type === FrameType.headers ? '' : ` ${text}`}`;
    });
  };
  relay.take('up', Buffer.concat([PREFACE, settings]));
  relay.take('down', settings);
  sent.up = [];
  sent.down = [];
  return { relay, sent, take, connection };
}

/** Holds the calls of one RPC until `release` is called. */
function holding(path: string, ...directions: Direction[]) {
  const releases: (() => void)[] = [];
  const calls: ProxiedCall[] = [];
  const offer = (call: ProxiedCall) => {
    calls.push(call);
    if (call.rpc === path) for (const direction of directions) releases.push(call.pipes[direction].insert(hold()));
  };
  const release = () => {
    for (const letGo of releases) letGo();
  };
  return { offer, calls, release };
}

describe('calls', () => {
  it('wait until the upstream service has sent SETTINGS, which go first', () => {
    const order: string[] = [];
    const relay = new Http2Relay({
      send: () => undefined,
      sendBytes: (direction, bytes) => void order.push(`${direction} ${bytes.length}`),
      offer: (call) => {
        order.push('offer');
        call.answer(503);
      },
      updateBackpressure: () => undefined,
      reset: () => undefined,
      sendAndClose: () => undefined,
      close: () => undefined,
      connection: { isOver: false } as FaultTarget,
      maxHeldBytes: 1_000_000,
    });
    relay.take('up', Buffer.concat([PREFACE, settings, headers(1, '/a/A', true)]));
    expect(order).toEqual(['up 24', 'up 9']);
    expect(relay.heldBytes('up')).toBeGreaterThan(0);

    relay.take('down', settings);
    expect(order.slice(2, 4)).toEqual(['down 9', 'offer']);
    expect(order[4]).toMatch(/^down/);
  });

  it('pass byte for byte while no fault affects them', () => {
    const { relay, sent } = createRelay();
    const up = Buffer.concat([headers(1, '/a/A'), data(1, 'ask', Flag.endStream), headers(3, '/a/B', true)]);
    const down = Buffer.concat([headers(1, ''), data(1, 'tell', Flag.endStream)]);
    for (const byte of up) relay.take('up', Buffer.of(byte));
    relay.take('down', down);

    expect(Buffer.concat(sent.up)).toEqual(up);
    expect(Buffer.concat(sent.down)).toEqual(down);
  });

  it('get stream ids in the order of forwarding, and answers get the ids of the client', () => {
    const held = holding('a/A', 'up');
    const { relay, take } = createRelay(held.offer);
    relay.take('up', Buffer.concat([headers(1, '/a/A'), data(1, 'slow', Flag.endStream), headers(3, '/a/B', true)]));
    expect(take('up')).toEqual(['headers 1.']);

    held.release();
    expect(take('up')).toEqual(['headers 3', 'data 3. slow']);
    relay.take('down', Buffer.concat([headers(1, '', true), headers(3, ''), data(3, 'done', Flag.endStream)]));
    expect(take('down').filter((frame) => !frame.startsWith('windowUpdate'))).toEqual([
      'headers 3.',
      'headers 1',
      'data 1. done',
    ]);
  });

  it('keep the stream credit that came before they were forwarded', () => {
    const held = holding('a/A', 'up');
    const { relay, take } = createRelay(held.offer);
    relay.take('up', Buffer.concat([headers(1, '/a/A', true), writeWindowUpdate(1, 5), writeWindowUpdate(1, 6)]));
    expect(take('up')).toEqual([]);

    held.release();
    expect(take('up')).toEqual(['headers 1.', 'windowUpdate 1 0000000b']);
  });

  it('that were never forwarded are not cancelled upstream, and their data is credited', () => {
    const held = holding('a/A', 'up');
    const { relay, take } = createRelay(held.offer);
    relay.take('up', Buffer.concat([headers(1, '/a/A'), data(1, 'four'), writeReset(1, 8), data(1, 'late')]));
    held.release();

    expect(take('up')).toEqual([]);
    expect(take('down')).toEqual(['windowUpdate 0 00000004', 'windowUpdate 0 00000004']);
  });

  it('that were forwarded are cancelled upstream with the code of the client', () => {
    const held = holding('a/A', 'down');
    const { relay, take } = createRelay(held.offer);
    relay.take('up', Buffer.concat([headers(1, '/a/A', true), writeReset(1, 11)]));

    expect(take('up')).toEqual(['headers 1.', 'resetStream 1 0000000b']);
  });

  it('that a fault answers after they were forwarded are cancelled upstream', () => {
    const held = holding('a/A', 'down');
    const { relay, take } = createRelay(held.offer);
    relay.take('up', headers(1, '/a/A', true));
    held.calls[0]?.answer(503);

    expect([take('up'), take('down')]).toEqual([['headers 1.', 'resetStream 1 00000008'], ['headers 1.']]);
  });

  it('announce the size of the header table that a held call has announced', () => {
    const held = holding('a/A', 'up');
    const { relay, sent } = createRelay(held.offer);
    const announcing = encodeFields([{ name: ':path', value: '/a/A', isSensitive: false }], 256);
    relay.take('up', Buffer.concat([writeHeaders(1, announcing, true), headers(3, '/a/B', true)]));

    const [first] = new FrameReader().push(Buffer.concat(sent.up));
    expect(first && new HeaderBlocks().add(first)).toMatchObject({ fields: [{ value: '/a/B' }], sizeUpdate: 256 });
  });

  it('are reset at both ends by a fault', () => {
    const held = holding('a/A', 'down');
    const { relay, take } = createRelay(held.offer);
    relay.take('up', headers(1, '/a/A', true));
    held.calls[0]?.reset(11);

    expect([take('up'), take('down')]).toEqual([['headers 1.', 'resetStream 1 00000008'], ['resetStream 1 0000000b']]);
  });

  it('get a reset of the upstream service in its order', () => {
    const held = holding('a/A', 'down');
    const { relay, take } = createRelay(held.offer);
    relay.take('up', headers(1, '/a/A', true));
    relay.take('down', Buffer.concat([headers(1, ''), writeReset(1, 2)]));
    expect(take('down')).toEqual([]);

    held.release();
    expect(take('down')).toEqual(['headers 1', 'resetStream 1 00000002']);
  });

  it('lose their padding when a fault affects them, and the sender gets its credit', () => {
    const held = holding('a/A', 'down');
    const { relay, take } = createRelay(held.offer);
    relay.take('up', headers(1, '/a/A', true));
    relay.take('down', data(1, '\u0003abc\0\0\0', Flag.padded));
    held.release();

    expect(take('up')).toEqual([
      'headers 1.',
      'windowUpdate 0 00000004',
      'windowUpdate 1 00000004',
      'windowUpdate 0 00000003',
    ]);
    expect(take('down')).toEqual(['data 1 abc']);
  });
});

describe('the end of a connection', () => {
  it('is announced with the stream ids of the client, and calls not yet forwarded are refused', () => {
    const held = holding('a/A', 'up');
    const { relay, take } = createRelay(held.offer);
    relay.take('up', Buffer.concat([headers(1, '/a/A', true), headers(3, '/a/B', true), headers(5, '/a/C', true)]));
    relay.take('down', writeGoAway(1, 0));

    expect(take('down')).toEqual(['resetStream 1 00000007', 'goAway 0 0000000300000000']);
  });

  it('that a fault announces comes after the other calls, and no new ones are forwarded', () => {
    let isOn = false;
    const { relay, take, connection } = createRelay((call) => {
      if (isOn) call.goAway(0, true);
    });
    relay.take('up', headers(1, '/a/A', true));
    isOn = true;
    relay.take('up', Buffer.concat([headers(3, '/a/B', true), headers(5, '/a/C', true)]));
    expect([take('up'), take('down'), connection.isOver]).toEqual([
      ['headers 1.'],
      ['goAway 0 0000000100000000'],
      false,
    ]);

    relay.take('down', headers(1, '', true));
    expect(connection.isOver).toBe(true);
  });
});

describe('frames that belong to no RPC', () => {
  it('of a pushed stream are refused', () => {
    const { relay, take } = createRelay();
    relay.take('up', headers(1, '/a/A', true));
    const promise = Buffer.concat([Buffer.of(0, 0, 0, 2), encodeFields([])]);
    relay.take('down', writeFrame(FrameType.pushPromise, Flag.endHeaders, 1, promise));

    expect([take('up'), take('down')]).toEqual([['headers 1.', 'resetStream 2 00000007'], []]);
  });

  it('of types PING and SETTINGS pass, those of type PRIORITY do not', () => {
    const { relay, take } = createRelay();
    const ping = writeFrame(FrameType.ping, 0, 0, Buffer.alloc(8));
    relay.take('up', Buffer.concat([ping, writeFrame(FrameType.priority, 0, 1, Buffer.alloc(5)), settings]));

    expect(take('up')).toEqual(['ping 0 0000000000000000', 'settings 0 ']);
  });

  it('pass unchanged both ways once the bytes are not valid HTTP/2', () => {
    const { relay, sent } = createRelay();
    const broken = Buffer.concat([writeFrame(FrameType.continuation, 0, 1, Buffer.from('x')), Buffer.from('rubbish')]);
    relay.take('up', broken);
    relay.take('up', Buffer.from('more'));
    relay.take('down', Buffer.from('answer'));

    expect(Buffer.concat(sent.up)).toEqual(Buffer.concat([broken, Buffer.from('more')]));
    expect(Buffer.concat(sent.down).toString()).toBe('answer');
  });
});
