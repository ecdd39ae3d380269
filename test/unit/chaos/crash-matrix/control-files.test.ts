import { describe, expect, it } from 'vitest';
import { armedFile, killedFile, pidOfKilled } from '../../../chaos/crash-matrix/control-files.ts';

describe('pidOfKilled', () => {
  it('reads back the process that a file of the killed names', () => {
    const name = killedFile('/control', 'order', 4711).split('/').at(-1) ?? '';
    expect(pidOfKilled('order', name)).toBe(4711);
  });

  it('takes neither an armed file nor another service for its own', () => {
    expect(pidOfKilled('order', armedFile('/control', 'order').split('/').at(-1) ?? '')).toBeUndefined();
    expect(pidOfKilled('order', 'payment.killed.4711')).toBeUndefined();
  });
});
