// Commands that serve, in this process: what they listen on, and what they print of it.
import { startFaultProxy } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { runInTerminal } from '../../../unit/kit/command-line/fake-terminal.ts';

const weather = 'packages/kit/examples/weather';
const servers = [
  ['virtual', `${weather}/proto`, '--contract', `${weather}/contracts`],
  ['stub', `${weather}/contracts`, '--descriptors', `${weather}/proto`],
];

describe.each(servers)('kit %s', (...command) => {
  it('opens a control port to this machine only, on a free port unless it has a number', async () => {
    const [closed, open] = [[], ['--host', '0.0.0.0', '--control']].map((more) => [...command, ...more, '--json']);

    expect(JSON.parse((await runInTerminal(closed ?? [])).out)).not.toHaveProperty('control');
    expect(JSON.parse((await runInTerminal(open ?? [])).out)).toMatchObject({
      host: '0.0.0.0',
      control: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      controlHost: '127.0.0.1',
    });
  });

  it('names --control when its port is not usable', async () => {
    await using taken = await startFaultProxy({ upstream: 'http://127.0.0.1:1' });

    const inUse = await runInTerminal([...command, '--control', String(taken.port)]);
    const invalid = await runInTerminal([...command, '--control', 'high']);

    expect([inUse.exitCode, inUse.errors]).toEqual([2, `error: --control: port ${taken.port} is in use already`]);
    expect([invalid.exitCode, invalid.errors]).toEqual([2, expect.stringContaining("option '--control [port]'")]);
  });
});

const faults = ['faults', '--upstream', 'http://127.0.0.1:1', '--control', '0'];

describe('kit faults', () => {
  it('opens its control port to this machine only, even if its own port is open to all', async () => {
    const { exitCode, out } = await runInTerminal([...faults, '--host', '0.0.0.0', '--json']);

    expect([exitCode, JSON.parse(out)]).toMatchObject([0, { host: '0.0.0.0', controlHost: '127.0.0.1' }]);
  });

  it('opens its control port to all if that is asked for, and says that its own port is open to all', async () => {
    const wide = ['--host', '0.0.0.0', '--control-host', '0.0.0.0'];
    const { controlHost } = JSON.parse((await runInTerminal([...faults, ...wide, '--json'])).out);
    const { out } = await runInTerminal([...faults, ...wide]);

    expect(controlHost).toBe('0.0.0.0');
    expect(out).toMatch(/^listening on \S+:\d+ and every other address of this machine, control on /);
  });
});
