import { describe, expect, it } from 'vitest';
import { renderJsonLine, renderLine } from '#local/stack/log-lines.ts';

const style = { colour: false, nameWidth: 12 };

function logLine(fields: object): string {
  return JSON.stringify({ level: 'info', time: new Date(2030, 0, 2, 3, 4, 5, 6).toISOString(), ...fields });
}

describe('a readable line', () => {
  it('has time, level, message and fields after the aligned name of its process', () => {
    const line = logLine({ service: 'order', msg: 'order placed', order_id: 'o-1', items: 2, detail: 'two words' });

    expect(renderLine('order', line, style)).toBe(
      'order        | 03:04:05.006 INFO  order placed order_id=o-1 items=2 detail="two words"',
    );
  });

  it("accepts pino's default numeric levels and times", () => {
    const line = JSON.stringify({
      level: 40,
      time: new Date(2030, 0, 2, 3, 4, 5, 6).getTime(),
      pid: 7,
      hostname: 'h',
      msg: 'm',
    });

    expect(renderLine('order', line, style)).toBe('order        | 03:04:05.006 WARN  m');
  });

  it.each(['error', 'fatal'])(
    'shows the error of level %s with its stack, each frame prefixed by the name',
    (level) => {
      const err = {
        type: 'Error',
        message: 'no route',
        stack: 'Error: no route\n    at call (a.ts:1)\n    at run (b.ts:2)',
      };

      expect(renderLine('order', logLine({ level, msg: 'failed', err }), style).split('\n')).toEqual([
        `order        | 03:04:05.006 ${level.toUpperCase()} failed error="no route"`,
        'order        |     at call (a.ts:1)',
        'order        |     at run (b.ts:2)',
      ]);
    },
  );

  it('shows the error of a warning without its stack', () => {
    const err = { message: 'no route', stack: 'Error: no route\n    at call (a.ts:1)' };

    expect(renderLine('order', logLine({ level: 'warn', msg: 'trying again', err }), style)).toBe(
      'order        | 03:04:05.006 WARN  trying again error="no route"',
    );
  });

  it.each([
    ['plain text', 'nats-server is ready'],
    ['an object that is no log line', '{"answer":42}'],
    ['a line that only begins like JSON', '{"level": "info", '],
  ])('passes %s as it is', (_, line) => {
    expect(renderLine('nats', line, style)).toBe(`nats         | ${line}`);
  });

  it('contains no control characters that move the cursor or break the line', () => {
    expect(renderLine('nats', '\u001b[2Jgone\rback', style)).toBe('nats         | [2Jgoneback');
    expect(renderLine('order', logLine({ msg: 'one\ntwo', key: '\u001b[31mred' }), style)).toBe(
      'order        | 03:04:05.006 INFO  one\\ntwo key=[31mred',
    );
  });

  it('has one colour for a process, and colours for warnings, on a terminal only', () => {
    const warning = logLine({ level: 'warn', msg: 'careful' });
    const coloured = renderLine('order', warning, { ...style, colour: true });

    expect(coloured).toContain('\u001b[33mWARN ');
    expect(coloured.slice(0, 5)).toBe(renderLine('order', 'other', { ...style, colour: true }).slice(0, 5));
    expect(renderLine('order', warning, style)).not.toContain('\u001b');
  });
});

describe('a JSON line', () => {
  const now = new Date('2030-01-02T03:04:05.006Z');

  it('is the unchanged log line of the process', () => {
    const line = logLine({ msg: 'order placed' });

    expect(renderJsonLine('order', line, now)).toBe(line);
  });

  it('wraps a line that is not JSON', () => {
    expect(JSON.parse(renderJsonLine('postgres', 'FATAL: "no"', now))).toEqual({
      level: 'info',
      time: '2030-01-02T03:04:05.006Z',
      service: 'postgres',
      msg: 'FATAL: "no"',
    });
  });
});
