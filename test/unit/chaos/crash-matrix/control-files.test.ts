import { describe, expect, it } from 'vitest';
import { armedFile, killedFile, pidOfKilled } from '../../../chaos/crash-matrix/control-files.ts';

describe('pidOfKilled', () => {
  it('reads the process id from the file name of a killed process', () => {
    const name = killedFile('/control', 'order', 4711).split('/').at(-1) ?? '';
    expect(pidOfKilled('order', name)).toBe(4711);
  });

  it('ignores an armed file and the files of another service', () => {
    expect(pidOfKilled('order', armedFile('/control', 'order').split('/').at(-1) ?? '')).toBeUndefined();
    expect(pidOfKilled('order', 'payment.killed.4711')).toBeUndefined();
  });
});
