import type { Survivor } from '../judge.ts';

export const CONTRACT_FILE: readonly Survivor[] = [
  {
    file: 'packages/kit/contract-file/contract-document.ts',
    reason: 'Equivalent: the frame has the placeholder once, so that there are two parts.',
    mutants: [
      "const [head = «''», tail = ''] = frame.split(JSON.stringify(place)); => \"Stryker was here!\"",
      "const [head = '', tail = «''»] = frame.split(JSON.stringify(place)); => \"Stryker was here!\"",
    ],
  },
  {
    file: 'packages/kit/contract-file/contract-document.ts',
    reason: 'Equivalent, but slower: what is not remembered is computed again.',
    mutants: ['«known.set(object, result);» => ;'],
  },
  {
    file: 'packages/kit/contract-file/contract-document.ts',
    reason: 'Equivalent: where there is no object, the name of the consumer was missed before.',
    mutants: [
      "if (typeof «json?.provider»?.name !== 'string') fail('provider.name is missing'); => json.provider",
      "if (!Array.isArray(«json?.interactions»)) fail('interactions is no list'); => json.interactions",
    ],
  },
  {
    file: 'packages/kit/contract-file/pact-interaction.ts',
    reason: 'Equivalent: a call of a server stream has one request.',
    mutants: [
      "request: toPactContents(method.methodKind === 'server_streaming' && «only !== undefined» ? only : sent), => true",
    ],
  },
  {
    file: 'packages/kit/contract-file/pact-interaction.ts',
    reason: 'Equivalent: the kind is compared with others only; what is none of them is an exact value.',
    mutants: ["'content-type': { kind: «'equal'», example: 'application/json' }, => \"\""],
  },
  {
    file: 'packages/kit/contract-file/pact-pattern.ts',
    reason: 'Equivalent: without its case, the switch ends, and undefined is as good as false.',
    mutants: ['«default: …» => default:'],
  },
  {
    file: 'packages/kit/contract-file/pact-rules.ts',
    reason: 'Equivalent: without its case, the switch ends, and undefined is returned as well.',
    mutants: ['«default: …» => default:'],
  },
];
