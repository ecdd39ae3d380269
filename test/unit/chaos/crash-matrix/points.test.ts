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
  it('has one point for an operation, with the first step in which every recording has it', () => {
    const first = [recorded({ step: 'declined' }), recorded(), recorded()];
    const second = [recorded({ step: 'declined' })];
    expect(derivePoints([first, second], STEPS)).toEqual({ points: [point({ step: 'declined' })], unstable: [] });
  });

  it('leaves out and reports an operation that only one recording has', () => {
    const derived = derivePoints([[recorded(), recorded({ name: 'insert inbox' })], [recorded()]], STEPS);
    expect(derived.points).toEqual([point()]);
    expect(derived.unstable).toEqual(['order write insert inbox']);
  });

  it('leaves out an operation that had an effect in only one recording', () => {
    const derived = derivePoints([[recorded()], [recorded({ effective: false })]], STEPS);
    expect(derived).toEqual({ points: [], unstable: ['order write update orders'] });
  });

  it('makes one point for any origin of an operation whose origin differs between recordings', () => {
    const derived = derivePoints([[recorded({ origin: 'RefundPayment' })], [recorded()]], STEPS);
    expect(derived).toEqual({ points: [point({ origin: undefined })], unstable: [] });
  });

  it('reports an unstable operation whose name is a point with another origin', () => {
    const derived = derivePoints([[recorded(), recorded({ origin: 'resume order' })], [recorded()]], STEPS);
    expect(derived.points).toEqual([point()]);
    expect(derived.unstable).toEqual(['order write resume order: update orders']);
  });

  it('has no point for operations without effect, nor for those of idle services only', () => {
    const recording = [recorded({ effective: false }), recorded({ name: 'delete inbox', step: IDLE })];
    expect(derivePoints([recording, recording], STEPS)).toEqual({ points: [], unstable: [] });
  });

  it('marks operations that idle services also perform', () => {
    const recording = [recorded(), recorded({ step: IDLE, effective: false })];
    expect(derivePoints([recording, recording], STEPS).points).toEqual([point({ idle: true })]);
    const ofOther = [recorded(), recorded({ step: IDLE, service: 'payment', effective: false })];
    expect(derivePoints([ofOther, ofOther], STEPS).points).toEqual([point({ idle: false })]);
  });

  it('keeps equal operations of two services apart', () => {
    const recording = [recorded(), recorded({ service: 'payment' })];
    expect(derivePoints([recording], STEPS).points.map(({ service }) => service)).toEqual(['order', 'payment']);
  });
});

describe('listRows', () => {
  it('has each point before and after', () => {
    expect(listRows([point()]).map(({ phase }) => phase)).toEqual(['before', 'after']);
  });

  it('alternates between services by their numbers', () => {
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
  it('names what a recording with a broken wrapper lacks', () => {
    const missing = findMissingKinds([point({ service: 'payment' }), point({ service: 'payment', kind: 'commit' })]);
    expect(missing).toContain('payment publish');
    expect(missing).toContain('payment call');
    expect(missing).toContain('order ack');
    // That the wrapper works in another service does not help.
    expect(missing).toContain('order write');
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
