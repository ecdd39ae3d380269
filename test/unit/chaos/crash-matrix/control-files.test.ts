import { describe, expect, it } from 'vitest';
import { armedFile, fallenFile, pidOfFallen } from '../../../chaos/crash-matrix/control-files.ts';

describe('pidOfFallen', () => {
  it('reads back the process that a file of the fallen names', () => {
    const name = fallenFile('/control', 'order', 4711).split('/').at(-1) ?? '';
    expect(pidOfFallen('order', name)).toBe(4711);
  });

  it('takes neither an armed file nor another service for its own', () => {
    expect(pidOfFallen('order', armedFile('/control', 'order').split('/').at(-1) ?? '')).toBeUndefined();
    expect(pidOfFallen('order', 'payment.fallen.4711')).toBeUndefined();
  });
});
