// The digest of an interaction: results of verifications keep it, so it must stay the same from version to version.
import { describe, expect, it } from 'vitest';
import type { InteractionJson } from '../../../../packages/kit/contract-file/contract-document.ts';
import { digestOf } from '../../../../packages/kit/contract-file/interaction-digest.ts';

const json: InteractionJson = {
  type: 'Synchronous/HTTP',
  description: 'a',
  providerStates: [{ name: 'open', params: { room: 5 } }],
  pluginConfiguration: { touchstone: { rpc: 'a.v1.S/M' } },
};

describe('the digest of an interaction', () => {
  it('is that of earlier versions of the kit', () => {
    expect(digestOf(json)).toBe('6c85ba994227e89db68e66ebb3fc4ce2');
  });

  it('is one of nothing where another tool wrote the interaction', () => {
    const { pluginConfiguration: _, ...foreign } = json;

    expect(digestOf(foreign as InteractionJson)).toMatch(/^[0-9a-f]{32}$/);
    expect(digestOf(foreign as InteractionJson)).not.toBe(digestOf(json));
  });
});
