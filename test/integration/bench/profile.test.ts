// A profile of another process through its inspector.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { listHottest, toCallTree } from '../../bench/profile/call-tree.ts';
import { profileDuring } from '../../bench/profile/inspector.ts';

const BUSY = `
  let found = '';
  let runs = 0;
  function writeNumbers() {
    found = '';
    for (let n = 0; n < 20000; n++) found += String(Math.sqrt(n));
    runs += 1;
    if (runs % 50 === 0) console.log('50 runs');
  }
  setInterval(writeNumbers, 1);
`;
const NEVER = new AbortController().signal;

it('names the function that takes the time, and closes the inspector', async ({ skip }) => {
  const isDebugging = await fetch('http://127.0.0.1:9229/json/version').catch(() => undefined);
  skip(isDebugging !== undefined, 'another process is being debugged');
  const busy = spawn(process.execPath, ['-e', BUSY], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    await once(busy.stdout, 'data');
    const work = async () => {
      // The first line may have been printed before the profile began.
      for (let lines = 0; lines < 3; lines += 1) await once(busy.stdout, 'data');
    };
    const profile = await profileDuring(busy.pid ?? 0, work, NEVER);

    expect(listHottest(toCallTree(profile), 3).map(({ name }) => name)).toContainEqual(
      expect.stringContaining('writeNumbers'),
    );
    await expect.poll(() => fetch('http://127.0.0.1:9229/json/version').catch(() => 'closed')).toBe('closed');
  } finally {
    busy.kill();
  }
});
