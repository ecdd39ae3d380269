// Flow control of a connection where streams are held back: nobody is starved, nobody is flooded, no credit is lost or made.
import { describe, expect, it } from 'vitest';
import { ConnectionWindow } from '../../../../packages/kit/fault-proxy/http2/connection-window.ts';

function createWindow(lendingLimitBytes = 1_000_000) {
  const sent: string[] = [];
  let credit = 0;
  const window = new ConnectionWindow({
    send: (bytes) => void sent.push(bytes.toString()),
    answer: (bytes) => {
      credit += bytes.readUInt32BE(9);
    },
    lendingLimitBytes,
  });
  return { window, sent, credit: () => credit };
}

const frame = (name: string) => Buffer.from(name);

describe('a connection window', () => {
  it('passes data and credit as they come while nothing is held back', () => {
    const { window, sent, credit } = createWindow();
    window.send(frame('a'), 60_000);
    window.grant(60_000);

    expect([sent, credit()]).toEqual([['a'], 60_000]);
  });

  it('lends the sender what is held back, and has it back from the next credit', () => {
    const { window, credit } = createWindow();
    const account = window.openAccount();
    account.receive(50_000);
    account.settle();
    expect(credit()).toBe(50_000);

    account.pass(50_000);
    window.send(frame('held'), 50_000);
    window.grant(50_000);
    expect(credit()).toBe(50_000);

    window.grant(10);
    expect(credit()).toBe(50_010);
  });

  it('holds frames for which the receiver has no credit left, in order, until it has', () => {
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

  it('gives back for good what is never sent', () => {
    const { window, credit } = createWindow();
    const account = window.openAccount();
    account.receive(100);
    account.settle();
    account.close();
    window.grant(7);

    expect(credit()).toBe(107);
  });

  it('lends no more past its limit, and gives back what it did not lend when the stream is over', () => {
    const { window, credit } = createWindow(100);
    const account = window.openAccount();
    account.receive(80);
    account.settle();
    account.receive(80);
    account.settle();
    expect(credit()).toBe(80);

    account.close();
    expect(credit()).toBe(160);
    const next = window.openAccount();
    next.receive(100);
    next.settle();
    expect(credit()).toBe(260);
  });

  it('lends nothing for what passes at once', () => {
    const { window, credit } = createWindow();
    const account = window.openAccount();
    account.receive(500);
    account.pass(500);
    account.settle();

    expect(credit()).toBe(0);
  });
});
