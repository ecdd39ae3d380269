// Commands that serve, in this process: what they listen on, and what they print of it.
import { describe, expect, it } from 'vitest';
import { runInTerminal } from '../../../unit/kit/command-line/fake-terminal.ts';

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
