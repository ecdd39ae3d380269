// Results of verifications: what is a file of them, and which interactions are the same.
import { describe, expect, it } from 'vitest';
import type { InteractionJson } from '../../../../packages/kit/contract-file/contract-document.ts';
import { digestOf } from '../../../../packages/kit/contract-file/interaction-digest.ts';
import { formatDeployReport } from '../../../../packages/kit/deployment/deploy-report.ts';
import { findProblem } from '../../../../packages/kit/deployment/evidence.ts';
import { parseResults } from '../../../../packages/kit/deployment/verification-results.ts';

function interactionWith(more: Partial<InteractionJson>, rpc = 'a.v1.S/M'): InteractionJson {
  return { type: 'Synchronous/HTTP', description: 'a', pluginConfiguration: { touchstone: { rpc } }, ...more };
}

describe('an interaction', () => {
  it('is the same whatever its description is, but not in another state or with other content', () => {
    const digest = digestOf(interactionWith({}));

    expect(digestOf(interactionWith({ description: 'b' }))).toBe(digest);
    expect(digestOf(interactionWith({ providerStates: [] }))).toBe(digest);
    expect(digestOf(interactionWith({ providerStates: [{ name: 's' }] }))).not.toBe(digest);
    expect(digestOf(interactionWith({}, 'a.v1.S/N'))).not.toBe(digest);
  });

  it('is a problem unless a result says that it is honoured', () => {
    const json = interactionWith({});
    const digest = digestOf(json);
    const evidenceOf = (isHonoured: boolean) => ({
      results: new Map([[digest, { consumer: 'A', title: 'a', digest, isHonoured }]]),
      schema: undefined,
      gap: undefined,
    });

    expect(findProblem(json, evidenceOf(true))).toBeUndefined();
    expect(findProblem(json, evidenceOf(false))).toMatch(/does not honour it$/);
    expect(findProblem(interactionWith({}, 'a.v1.S/N'), evidenceOf(true))).toMatch(/^was not verified/);
    expect(findProblem(json, { ...evidenceOf(true), gap: 'v1 has no file' })).toBe('v1 has no file');
    expect(findProblem(json, { ...evidenceOf(true), schema: { services: [], registry: new Map() as never } })).toMatch(
      /^does not fit the schema: /,
    );
  });
});

describe('a file of results', () => {
  it.each([
    { text: '{', fault: 'r.json: is not JSON' },
    { text: 'null', fault: 'r.json: has no results of a verification' },
    {
      text: '{"touchstone":"verification","formatVersion":"2"}',
      fault: 'r.json: has the format version 2, but only 1',
    },
    { text: '{"touchstone":"verification","formatVersion":"1"}', fault: 'r.json: interactions is not a list' },
  ])('is refused if it is none: $fault', ({ text, fault }) => {
    expect(() => parseResults(text, 'r.json')).toThrow(fault);
  });
});

describe('the report of a deployment', () => {
  it('lists the pairs, and the interactions that may break', () => {
    const consumer = { name: 'Order', version: 'HEAD' };
    const report = formatDeployReport({
      isDeployable: false,
      pairs: [
        { consumer, provider: { name: 'Stock', version: 'v1' }, isHonoured: true, interactions: 2, problems: [] },
        {
          ...{ consumer, provider: { name: 'Payment', version: undefined }, isHonoured: false, interactions: 1 },
          problems: [{ interaction: 'a charge', reason: 'Payment is not in the environment' }],
        },
      ],
    });

    expect(report.split('\n')).toEqual([
      'consumer  version  provider  version  interactions',
      'Order     HEAD     Stock     v1       2             ok',
      'Order     HEAD     Payment   -        1             BREAKS',
      '',
      'Payment may break Order at HEAD, which relies on',
      '  "a charge": Payment is not in the environment',
      '',
      'it cannot be deployed',
    ]);
  });
});
