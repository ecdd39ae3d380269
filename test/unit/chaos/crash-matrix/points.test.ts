import { describe, expect, it } from 'vitest';
import {
  countPoints,
  derivePoints,
  findMissingKinds,
  IDLE,
  isWanted,
  listRows,
  type Point,
  type Recorded,
} from '../../../chaos/crash-matrix/points.ts';

const PARTS = ['approved', 'declined'];

function recorded(overrides: Partial<Recorded> = {}): Recorded {
  return {
    service: 'order',
    part: 'approved',
    kind: 'write',
    behalf: '',
    name: 'update orders',
    effective: true,
    ...overrides,
  };
}

function point(overrides: Partial<Point> = {}): Point {
  return {
    service: 'order',
    part: 'approved',
    kind: 'write',
    behalf: '',
    name: 'update orders',
    idle: false,
    ...overrides,
  };
}

describe('derivePoints', () => {
  it('takes an operation once, however often it is done, with the first part that every recording has it in', () => {
    const first = [recorded({ part: 'declined' }), recorded(), recorded()];
    const second = [recorded({ part: 'declined' })];
    expect(derivePoints([first, second], PARTS)).toEqual({ points: [point({ part: 'declined' })], unsteady: [] });
  });

  it('leaves out, and tells of, what only one recording has', () => {
    const derived = derivePoints([[recorded(), recorded({ name: 'insert inbox' })], [recorded()]], PARTS);
    expect(derived.points).toEqual([point()]);
    expect(derived.unsteady).toEqual(['order write insert inbox']);
  });

  it('does not count on an effect that only one recording saw', () => {
    const derived = derivePoints([[recorded()], [recorded({ effective: false })]], PARTS);
    expect(derived).toEqual({ points: [], unsteady: ['order write update orders'] });
  });

  it('makes one point for anyone of what is done now on one behalf and now on another', () => {
    const derived = derivePoints([[recorded({ behalf: 'RefundPayment' })], [recorded()]], PARTS);
    expect(derived).toEqual({ points: [point({ behalf: undefined })], unsteady: [] });
  });

  it('tells of an unsteady operation whose name is a point on another behalf', () => {
    const derived = derivePoints([[recorded(), recorded({ behalf: 'resume order' })], [recorded()]], PARTS);
    expect(derived.points).toEqual([point()]);
    expect(derived.unsteady).toEqual(['order write resume order: update orders']);
  });

  it('takes no operation that never had an effect, nor one that only idle services do', () => {
    const recording = [recorded({ effective: false }), recorded({ name: 'delete inbox', part: IDLE })];
    expect(derivePoints([recording, recording], PARTS)).toEqual({ points: [], unsteady: [] });
  });

  it('marks what idle services do as well', () => {
    const recording = [recorded(), recorded({ part: IDLE, effective: false })];
    expect(derivePoints([recording, recording], PARTS).points).toEqual([point({ idle: true })]);
  });

  it('keeps the same operation of two services apart', () => {
    const recording = [recorded(), recorded({ service: 'payment' })];
    expect(derivePoints([recording], PARTS).points.map(({ service }) => service)).toEqual(['order', 'payment']);
  });
});

describe('listRows', () => {
  it('has each point before and after', () => {
    expect(listRows([point()]).map(({ phase }) => phase)).toEqual(['before', 'after']);
  });

  it('lets services take turns by their numbers', () => {
    const points = [point(), point({ name: 'a' }), point({ name: 'b' }), point({ service: 'payment' })];
    const services = listRows(points).map(({ service }) => service);
    expect(services.map((service) => service.charAt(0)).join('')).toBe('oopooopo');
  });
});

describe('isWanted', () => {
  const [row] = listRows([point()]);

  it.each([
    [{}, true],
    [{ service: '', only: '' }, true],
    [{ service: 'order' }, true],
    [{ service: 'payment' }, false],
    [{ only: 'BEFORE write update' }, true],
    [{ only: 'after' }, false],
  ])('judges %j as %s', (filter, expected) => {
    expect(row && isWanted(row, filter)).toBe(expected);
  });
});

describe('findMissingKinds', () => {
  it('names what a recording through broken wrappers lacks', () => {
    const missing = findMissingKinds([point({ service: 'payment' }), point({ service: 'payment', kind: 'commit' })]);
    expect(missing).toContain('payment publish');
    expect(missing).toContain('payment call');
    expect(missing).toContain('order ack');
    expect(missing).not.toContain('payment write');
    expect(missing).not.toContain('payment ack');
  });
});

describe('countPoints', () => {
  it('counts by service and kind', () => {
    const counts = countPoints([point(), point({ name: 'a' }), point({ kind: 'ack' }), point({ service: 'payment' })]);
    expect(counts.get('order')?.get('write')).toBe(2);
    expect(counts.get('order')?.get('ack')).toBe(1);
    expect(counts.get('order')?.get('call')).toBe(0);
    expect(counts.get('payment')?.get('write')).toBe(1);
  });
});
