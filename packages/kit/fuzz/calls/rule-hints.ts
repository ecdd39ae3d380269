// The rules of `buf.validate` in descriptors: values that they ask for, and which rules a message violates.

import {
  type DescField,
  type DescFile,
  type DescMessage,
  getOption,
  hasOption,
  type Message,
  type Registry,
} from '@bufbuild/protobuf';
import type * as Protovalidate from '@bufbuild/protovalidate';
import type { FieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import * as fc from 'fast-check';
import { loadProtovalidate } from '../../schema/protovalidate.ts';

/** The values that the rules of a field ask for. */
export type FieldHints = {
  readonly value?: fc.Arbitrary<unknown>;
  readonly minItems?: number;
  readonly maxItems?: number;
};

/** The values that rules ask for, as far as generators can follow them. */
export type RuleHints = {
  of(field: DescField): FieldHints;
  ofElement(field: DescField): fc.Arbitrary<unknown> | undefined;
};

/** The rules of a schema. */
export type Rules = {
  readonly hints: RuleHints;
  /** Returns the first rule that a message violates, such as `quantity: int32.gt`; `undefined` if it violates none. */
  violationOf(desc: DescMessage, message: Message): string | undefined;
};

const RULES_FILE = 'buf/validate/validate';
const NO_RULES: Rules = { hints: { of: () => ({}), ofElement: () => undefined }, violationOf: () => undefined };

/** Reads the rules of a schema. protovalidate is loaded only if a file imports its rules. */
export async function loadRules(files: Iterable<DescFile>, registry: Registry): Promise<Rules> {
  if (![...files].some(({ name }) => name === RULES_FILE)) return NO_RULES;
  const protovalidate = await loadProtovalidate();
  const { field: extension } = protovalidate;
  const rulesOf = (field: DescField) => (hasOption(field, extension) ? getOption(field, extension) : undefined);
  return {
    hints: {
      of: (field) => hintsOf(rulesOf(field)),
      ofElement(field) {
        const rules = rulesOf(field)?.type;
        return rules?.case === 'repeated' && rules.value.items ? valuesOf(rules.value.items) : undefined;
      },
    },
    violationOf: createCheck(protovalidate, registry),
  };
}

function createCheck({ createValidator }: typeof Protovalidate, registry: Registry): Rules['violationOf'] {
  const validator = createValidator({ registry });
  return (desc, message) => {
    const result = validator.validate(desc, message);
    const [violation] = result.kind === 'invalid' ? result.violations : [];
    if (!violation) return undefined;
    const path = violation.field.flatMap((part) => (part.kind === 'field' || part.kind === 'oneof' ? [part.name] : []));
    return `${path.join('.') || 'the message'}: ${violation.ruleId}`;
  };
}

function hintsOf(rules: FieldRules | undefined): FieldHints {
  if (rules?.type.case === 'repeated') {
    const { minItems, maxItems } = rules.type.value;
    return { minItems: Number(minItems), ...(maxItems > 0n ? { maxItems: Number(maxItems) } : {}) };
  }
  const value = rules && valuesOf(rules);
  return value ? { value } : {};
}

function valuesOf({ type }: FieldRules): fc.Arbitrary<unknown> | undefined {
  switch (type.case) {
    case 'string': {
      const { wellKnown, in: choices, example, minLen, maxLen, len, prefix } = type.value;
      if (choices.length > 0) return fc.constantFrom(...choices);
      if (example.length > 0) return fc.constantFrom(...example);
      if (wellKnown.case === 'uuid') return fc.uuid();
      if (wellKnown.case === 'email') return fc.constantFrom('ada@example.com', 'bob@example.com');
      const least = Number(len || minLen || 1n);
      const most = Number(len || maxLen || BigInt(least + 8));
      const text = fc.string({
        unit: fc.constantFrom(...'abcdefgh'),
        minLength: least,
        maxLength: Math.min(most, least + 8),
      });
      return text.map((content) => `${prefix}${content}`);
    }
    case 'int32':
    case 'uint32':
    case 'sint32':
    case 'int64':
    case 'uint64':
    case 'sint64':
      return wholeOf(type.value, type.case.endsWith('64'));
    case 'enum':
      return type.value.in.length > 0 ? fc.constantFrom(...type.value.in) : undefined;
    default:
      return undefined;
  }
}

type WholeRules = {
  readonly in: readonly (number | bigint)[];
  readonly greaterThan: { readonly case: string | undefined; readonly value?: number | bigint | undefined };
  readonly lessThan: { readonly case: string | undefined; readonly value?: number | bigint | undefined };
};

function wholeOf(rules: WholeRules, isLong: boolean): fc.Arbitrary<unknown> {
  if (rules.in.length > 0) return fc.constantFrom(...rules.in);
  const lower = BigInt(rules.greaterThan.value ?? 1);
  const min = rules.greaterThan.case === 'gt' ? lower + 1n : lower;
  const upper = rules.lessThan.value === undefined ? min + 20n : BigInt(rules.lessThan.value);
  const max = rules.lessThan.case === 'lt' ? upper - 1n : upper;
  const least = min > max ? max : min;
  return fc
    .bigInt({ min: least, max: max < least + 20n ? max : least + 20n })
    .map((value) => (isLong ? value : Number(value)));
}
