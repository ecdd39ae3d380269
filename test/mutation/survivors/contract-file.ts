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
    file: 'packages/kit/contract-file/contract-recorder.ts',
    reason: 'Proven by an integration test (prune.test.ts): it writes a file, which unit tests must not.',
    mutants: ['«noteRecorded(this.#store.file, interactions.map(keyOf));» => ;'],
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
    file: 'packages/kit/contract-file/pact-interaction.ts',
    reason:
      'Equivalent in Node 24, which does not encode by itself: protobuf-es pads `std` only, and knows one other alphabet, `url`.',
    mutants: ['value: base64Encode(toBinary(desc, createExample(desc, pattern)), «\'std_raw\'»), => ""'],
  },
  {
    file: 'packages/kit/contract-file/pact-pattern.ts',
    reason: 'Equivalent: without its case, the switch ends, and undefined is as good as false.',
    mutants: ['«default: …» => default:'],
  },
  {
    file: 'packages/kit/contract-file/pact-rules.ts',
    reason: 'Equivalent: a path begins with the name of a field, which can be named.',
    mutants: ['if («unnameable < 0») return [[toPactPath(steps), combine(matcher)]]; => unnameable <= 0'],
  },
  {
    file: 'packages/kit/contract-file/pact-rules.ts',
    reason: 'Equivalent: where neither a key nor an index is found, there is a name.',
    mutants: [
      "return index === undefined ? { kind: 'name', text: name ?? «''» } : { kind: 'index', text: index }; => \"Stryker was here!\"",
    ],
  },
  {
    file: 'packages/kit/contract-file/pact-rules.ts',
    reason: 'Equivalent: the kind is compared with others only; what is none of them is an index.',
    mutants: [
      "return index === undefined ? { kind: 'name', text: name ?? '' } : { kind: «'index'», text: index }; => \"\"",
    ],
  },
  {
    file: 'packages/kit/contract-file/pact-rules.ts',
    reason: 'Equivalent: other patterns have no property `fromState`; the comparison is for the type checker.',
    mutants: [
      "«pattern.kind === 'equal'» && pattern.fromState !== undefined ? [[name, fromState(pattern.fromState)]] : [], => true",
    ],
  },
  {
    file: 'packages/kit/contract-file/pact-rules.ts',
    reason:
      'Equivalent: a name and an index are never empty and have no quotes; only keys can be what no path of Pact names.',
    mutants: ["return «kind === 'key'» && (text === '' || text.includes(\"'\")); => true"],
  },
  {
    file: 'packages/kit/contract-file/pact-rules.ts',
    reason: 'Equivalent: without its case, the switch ends, and undefined is returned as well.',
    mutants: ['«default: …» => default:'],
  },
];
