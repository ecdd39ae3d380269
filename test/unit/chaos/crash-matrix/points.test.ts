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

const STEPS = ['approved', 'declined'];

function recorded(overrides: Partial<Recorded> = {}): Recorded {
  return {
    service: 'order',
    step: 'approved',
    kind: 'write',
    origin: '',
    name: 'update orders',
    effective: true,
    ...overrides,
  };
}

function point(overrides: Partial<Point> = {}): Point {
  return {
    service: 'order',
    step: 'approved',
    kind: 'write',
    origin: '',
    name: 'update orders',
    idle: false,
    ...overrides,
  };
}

describe('derivePoints', () => {
  it('takes an operation once, however often it is done, with the first step that every recording has it in', () => {
    const first = [recorded({ step: 'declined' }), recorded(), recorded()];
    const second = [recorded({ step: 'declined' })];
    expect(derivePoints([first, second], STEPS)).toEqual({ points: [point({ step: 'declined' })], unstable: [] });
  });

  it('leaves out, and tells of, what only one recording has', () => {
    const derived = derivePoints([[recorded(), recorded({ name: 'insert inbox' })], [recorded()]], STEPS);
    expect(derived.points).toEqual([point()]);
    expect(derived.unstable).toEqual(['order write insert inbox']);
  });

  it('does not count on an effect that only one recording saw', () => {
    const derived = derivePoints([[recorded()], [recorded({ effective: false })]], STEPS);
    expect(derived).toEqual({ points: [], unstable: ['order write update orders'] });
  });

  it('makes one point for anyone of what is done now on one origin and now on another', () => {
    const derived = derivePoints([[recorded({ origin: 'RefundPayment' })], [recorded()]], STEPS);
    expect(derived).toEqual({ points: [point({ origin: undefined })], unstable: [] });
  });

  it('tells of an unstable operation whose name is a point on another origin', () => {
    const derived = derivePoints([[recorded(), recorded({ origin: 'resume order' })], [recorded()]], STEPS);
    expect(derived.points).toEqual([point()]);
    expect(derived.unstable).toEqual(['order write resume order: update orders']);
  });

  it('takes no operation that never had an effect, nor one that only idle services do', () => {
    const recording = [recorded({ effective: false }), recorded({ name: 'delete inbox', step: IDLE })];
    expect(derivePoints([recording, recording], STEPS)).toEqual({ points: [], unstable: [] });
  });

  it('marks what idle services do as well', () => {
    const recording = [recorded(), recorded({ step: IDLE, effective: false })];
    expect(derivePoints([recording, recording], STEPS).points).toEqual([point({ idle: true })]);
  });

  it('keeps the same operation of two services apart', () => {
    const recording = [recorded(), recorded({ service: 'payment' })];
    expect(derivePoints([recording], STEPS).points.map(({ service }) => service)).toEqual(['order', 'payment']);
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
