import type { Survivor } from '../judge.ts';

export const MATCHER: readonly Survivor[] = [
  {
    file: 'packages/kit/matching/check-leaf.ts',
    reason: 'Equivalent: only the value of a map is put under a key; elsewhere the key is ignored.',
    mutants: ["put(message, field, leaf, «field.fieldKind === 'map'» ? anyKeyOf(field) : undefined); => true"],
  },
  {
    file: 'packages/kit/matching/check-leaf.ts',
    reason: 'Equivalent: other types have no property `scalar`; the comparison of the kind is for the type checker.',
    mutants: [
      "return «type.kind === 'scalar' || type.kind === 'wrapper'» ? normalizeScalar(type.scalar, leaf) : leaf; => true",
    ],
  },
  {
    file: 'packages/kit/matching/compile-pattern.ts',
    reason: 'Equivalent: a text has no property `field`, so that none of the fields is the chosen one.',
    mutants: [
      'const [chosen] = rule.example === undefined ? «[]» : compileOneof(oneof, rule.example, place); => ["Stryker was here"]',
    ],
  },
  {
    file: 'packages/kit/matching/compile-pattern.ts',
    reason: 'Equivalent: only maps are compiled here; the comparison is for the type checker.',
    mutants: ["if («field.fieldKind === 'map'» && !isKeyOf(field, key)) => true"],
  },
  {
    file: 'packages/kit/matching/compile-pattern.ts',
    reason: "Equivalent: the position is compared with 'field' only.",
    mutants: ['if (value instanceof Matcher) return compileMatcher(field, value.rule, place, «\'value\'»); => ""'],
  },
  {
    file: 'packages/kit/matching/compile-pattern.ts',
    reason: 'Equivalent: other types have no property `scalar`; the comparison of the kind is for the type checker.',
    mutants: [
      "const isText = («type.kind === 'scalar' || type.kind === 'wrapper'») && type.scalar === ScalarType.STRING; => true",
    ],
  },
  {
    file: 'packages/kit/matching/exact-json.ts',
    reason: 'Equivalent, but slower: the search for a change finds none in the same text.',
    mutants: ["const place = «quoted === text» ? undefined : findChange(value, JSON.parse(quoted), ''); => false"],
  },
  {
    file: 'packages/kit/matching/example-message.ts',
    reason: 'Equivalent: absent() has no example, so that the next case does nothing either.',
    mutants: ["«case 'absent': …» => case 'absent':"],
  },
  {
    file: 'packages/kit/matching/example-message.ts',
    reason: 'Equivalent: anyOf() refuses to be made without a value, so that there is a first one.',
    mutants: ['put(message, field, pattern.values[0] ?? «\'\'», key); => "Stryker was here!"'],
  },
  {
    file: 'packages/kit/matching/example-message.ts',
    reason: 'Equivalent: only a field of a message type has a pattern of a message.',
    mutants: ["if («type.kind === 'message'») put(message, field, createExample(type.desc, pattern), key); => true"],
  },
  {
    file: 'packages/kit/matching/header-pattern.ts',
    reason: 'Equivalent: only the kinds of messages and of enums are described in another way than a text.',
    mutants: [
      "const STRING_TYPE: ValueType = «{ kind: 'scalar', scalar: ScalarType.STRING }»; => {}",
      'const STRING_TYPE: ValueType = { kind: «\'scalar\'», scalar: ScalarType.STRING }; => ""',
    ],
  },
  {
    file: 'packages/kit/matching/header-pattern.ts',
    reason: 'Not worth a test: differs only where a literal has a name in two letter cases, which is a mistake.',
    mutants: ['return Object.fromEntries(entries.sort(([a], [b]) => («a < b» ? -1 : 1))); => a <= b'],
  },
  {
    file: 'packages/kit/matching/header-pattern.ts',
    reason: 'Equivalent: without its case, the switch ends, and undefined refuses the header as false does.',
    mutants: ["«case 'absent': …» => case 'absent':", 'case «\'absent\'»: => ""'],
  },
  {
    file: 'packages/kit/matching/header-pattern.ts',
    reason: 'Equivalent: anyOf() refuses to be made without a value, so that there is a first one.',
    mutants: [
      "return [[name, pattern.kind === 'anyOf' ? (pattern.values[0] ?? «''») : pattern.example]]; => \"Stryker was here!\"",
    ],
  },
  {
    file: 'packages/kit/matching/leaf-json.ts',
    reason: 'Equivalent: only the field of a map has a property `mapKey`; the comparison is for the type checker.',
    mutants: [
      "const onlyKey = (field: DescField) => («field.fieldKind === 'map'» && field.mapKey === ScalarType.BOOL ? 'true' : '0'); => true",
    ],
  },
  {
    file: 'packages/kit/matching/match-collection.ts',
    reason: 'Equivalent: other patterns of a list were matched before; the comparison is for the type checker.',
    mutants: [
      'if (pattern.kind !== \'list\') return «[]»; => ["Stryker was here"]',
      "if («pattern.kind !== 'list'») return []; => false",
    ],
  },
  {
    file: 'packages/kit/matching/match-collection.ts',
    reason: 'Equivalent: the list has a row for each expected element.',
    mutants: ['(fits[row] ?? «[]»).some((isFit, column) => { => ["Stryker was here"]'],
  },
  {
    file: 'packages/kit/matching/match-collection.ts',
    reason: 'Equivalent: other patterns of a map were matched before; the comparison is for the type checker.',
    mutants: [
      'if (pattern.kind !== \'map\') return «[]»; => ["Stryker was here"]',
      "if («pattern.kind !== 'map'») return []; => false",
    ],
  },
  {
    file: 'packages/kit/matching/match-value.ts',
    reason: 'Equivalent: only a message type has a pattern of a message; both comparisons are for the type checker.',
    mutants: [
      "if («pattern.kind === 'message' && type.kind === 'message'») { => pattern.kind === 'message' || type.kind === 'message'",
      "if («pattern.kind === 'message'» && type.kind === 'message') { => true",
      "if (pattern.kind === 'message' && «type.kind === 'message'») { => true",
    ],
  },
  {
    file: 'packages/kit/matching/match-value.ts',
    reason: 'Never runs: other patterns were matched before; for the type checker.',
    mutants: ['«default: …» => default:', 'return «false»; => true'],
  },
  {
    file: 'packages/kit/matching/match-value.ts',
    reason: 'Equivalent: both values are of the type of their field: both are bytes, or neither is.',
    mutants: [
      'if («expected instanceof Uint8Array && actual instanceof Uint8Array») { => expected instanceof Uint8Array || actual instanceof Uint8Array',
    ],
  },
  {
    file: 'packages/kit/matching/match-value.ts',
    reason: 'Equivalent: both values have the same type, and only numbers are rounded or NaN.',
    mutants: [
      "if («typeof expected !== 'number' || typeof actual !== 'number'») return expected === actual; => false",
      "if («typeof expected !== 'number' || typeof actual !== 'number'») return expected === actual; => typeof expected !== 'number' && typeof actual !== 'number'",
      "if («typeof expected !== 'number'» || typeof actual !== 'number') return expected === actual; => false",
      "if (typeof expected !== 'number' || «typeof actual !== 'number'») return expected === actual; => false",
    ],
  },
  {
    file: 'packages/kit/matching/match-value.ts',
    reason: 'Equivalent: other types have no property `scalar`; the comparison of the kind is for the type checker.',
    mutants: [
      "const isFloat = («type.kind === 'scalar' || type.kind === 'wrapper'») && type.scalar === ScalarType.FLOAT; => true",
    ],
  },
  {
    file: 'packages/kit/matching/match-value.ts',
    reason: 'Equivalent: what is of another or an unknown type cannot be unpacked: its bytes are compared as well.',
    mutants: ['if («registry && desc && anyIs(actual, desc)») { => true'],
  },
  {
    file: 'packages/kit/matching/match-value.ts',
    reason: 'Equivalent: a function without a return statement returns undefined too.',
    mutants: ['} catch «{ …» => {}'],
  },
  {
    file: 'packages/kit/matching/match-value.ts',
    reason: 'Equivalent: describeLeaf() prints a message in the same way.',
    mutants: [
      "if («type.kind !== 'message'») return describeLeaf(type, toLeaf(type, value), registry); => true",
      'if (type.kind !== «\'message\'») return describeLeaf(type, toLeaf(type, value), registry); => ""',
    ],
  },
  {
    file: 'packages/kit/matching/matchers.ts',
    reason: 'Equivalent: undefined is not less than a number.',
    mutants: ['if («most !== undefined» && most < Math.max(least, 1)) { => true'],
  },
  {
    file: 'packages/kit/matching/read-literal.ts',
    reason: 'Equivalent: a oneof has no property `fieldKind`; the comparison is for the type checker.',
    mutants: [
      "if («member.kind === 'oneof'») return false; => false",
      'if (member.kind === «\'oneof\'») return false; => ""',
    ],
  },
  {
    file: 'packages/kit/matching/read-literal.ts',
    reason: 'Equivalent, but slower: a text is itself in proto3 JSON.',
    mutants: ['? «type.scalar !== ScalarType.STRING» => true'],
  },
  {
    file: 'packages/kit/matching/required-fields.ts',
    reason: 'Equivalent: an enum has a value, which protobuf demands.',
    mutants: ['if (field.enum) return «field.enum.values[0]?.number»; => field.enum.values[0].number'],
  },
  {
    file: 'packages/kit/matching/required-fields.ts',
    reason: 'Equivalent, but slower: what is not remembered is searched again.',
    mutants: ['if («before !== undefined») return before; => false', '«known.set(desc, result);» => ;'],
  },
  {
    file: 'packages/kit/matching/type-registry.ts',
    reason: 'Equivalent, but slower: files import no cycle, and a set has each of them once.',
    mutants: ['if («files.has(file)») continue; => false'],
  },
  {
    file: 'packages/kit/matching/value-type.ts',
    reason: 'Equivalent: every wrapper has a field with a scalar; the comparison is for the type checker.',
    mutants: [
      "if (isWrapperDesc(desc) && «content?.scalar !== undefined») return { kind: 'wrapper', desc, scalar: content.scalar }; => true",
      "if (isWrapperDesc(desc) && «content?.scalar» !== undefined) return { kind: 'wrapper', desc, scalar: content.scalar }; => content.scalar",
    ],
  },
  {
    file: 'packages/kit/matching/value-type.ts',
    reason: 'Equivalent: the value of a map always comes with its key.',
    mutants: [
      "else if (field.fieldKind === 'map') (message.get(field) as ReflectMap).set(toMapKey(field, key ?? «''»), value); => \"Stryker was here!\"",
    ],
  },
  {
    file: 'packages/kit/matching/write-pattern.ts',
    reason: 'Equivalent: an object has no key twice.',
    mutants: [
      'return { message, rules: Object.fromEntries(Object.entries(rules).sort(([a], [b]) => («a < b» ? -1 : 1))) }; => a <= b',
    ],
  },
  {
    file: 'packages/kit/matching/write-pattern.ts',
    reason: 'Equivalent: anyOf() refuses to be made without a value, so that there is a first one.',
    mutants: ['return leaf(pattern.values[0] ?? «\'\'»); => "Stryker was here!"'],
  },
];
