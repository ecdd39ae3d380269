// Flow control of a connection whose streams are held back: no stream starves, no receiver is flooded, no credit is lost.
import { describe, expect, it } from 'vitest';
import { ConnectionWindow } from '../../../../packages/kit/fault-proxy/http2/connection-window.ts';

function createWindow(maxAdvanceBytes = 1_000_000) {
  const sent: string[] = [];
  let credit = 0;
  const window = new ConnectionWindow({
    send: (bytes) => void sent.push(bytes.toString()),
    answer: (bytes) => {
      credit += bytes.readUInt32BE(9);
    },
    maxAdvanceBytes,
  });
  return { window, sent, credit: () => credit };
}

const frame = (name: string) => Buffer.from(name);

describe('a connection window', () => {
  it('passes data and credit unchanged while nothing is held back', () => {
    const { window, sent, credit } = createWindow();
    window.send(frame('a'), 60_000);
    window.grant(60_000);

    expect([sent, credit()]).toEqual([['a'], 60_000]);
  });

  it('advances credit for held bytes, and deducts it from the next credit', () => {
    const { window, credit } = createWindow();
    const stream = window.openStream();
    stream.receive(50_000);
    stream.advance();
    expect(credit()).toBe(50_000);

    stream.pass(50_000);
    window.send(frame('held'), 50_000);
    window.grant(50_000);
    expect(credit()).toBe(50_000);

    window.grant(10);
    expect(credit()).toBe(50_010);
  });

  it('queues frames in order until the receiver grants credit', () => {
    const { window, sent } = createWindow();
    window.send(frame('a'), 60_000);
    window.send(frame('b'), 10_000);
    window.send(frame('trailers'), 0);
    expect([sent, window.queuedBytes]).toEqual([['a'], 9]);

    window.grant(4_464);
    expect(sent).toEqual(['a']);
    window.grant(1);
    expect([sent, window.queuedBytes]).toEqual([['a', 'b', 'trailers'], 0]);
  });

  it('returns credit for good for bytes that are never sent', () => {
    const { window, credit } = createWindow();
    const stream = window.openStream();
    stream.receive(100);
    stream.advance();
    stream.close();
    window.grant(7);

    expect(credit()).toBe(107);
  });

  it('stops advancing at its limit, and returns the rest when the stream ends', () => {
    const { window, credit } = createWindow(100);
    const stream = window.openStream();
    stream.receive(80);
    stream.advance();
    stream.receive(80);
    stream.advance();
    expect(credit()).toBe(80);

    stream.close();
    expect(credit()).toBe(160);
    const next = window.openStream();
    next.receive(100);
    next.advance();
    expect(credit()).toBe(260);
  });

  it('advances nothing for bytes that pass at once', () => {
    const { window, credit } = createWindow();
    const stream = window.openStream();
    stream.receive(500);
    stream.pass(500);
    stream.advance();

    expect(credit()).toBe(0);
  });
});
