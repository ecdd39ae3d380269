// The rules that the contracts declare with `buf.validate`, applied to messages and told in the words of this platform.
import {
  create,
  createRegistry,
  type DescField,
  type DescMessage,
  getOption,
  type Message,
  type MessageShape,
} from '@bufbuild/protobuf';
import { type Path, pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator, type Violation } from '@bufbuild/protovalidate';
import { field as fieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';
import { file_shop_rules_v1_rules as sharedRules } from '#gen/shop/rules/v1/rules_pb.ts';
import { type FieldViolation, invalidArgument } from './errors.ts';
import { createValidation, type Validation } from './validation.ts';

const patterns = new Map<string, RegExp>();
// One for the process: it keeps the compiled rules of each message type.
const validator = createValidator({ registry: createRegistry(sharedRules), regexMatch });

/**
 * Returns the violations of a message, at most one for each field, in the order of the fields; empty if there are none. Of a list that is
 * too long, only as many entries are looked at as it may have.
 *
 * @throws {Error} when a rule of the contract is itself wrong.
 */
export function findViolations(schema: DescMessage, message: Message): FieldViolation[] {
  const { kept, tooLong } = cutLists(schema, message);
  const result = validator.validate(schema, kept);
  if (result.kind === 'error')
    throw new Error(`a rule of ${schema.typeName} cannot be applied`, { cause: result.error });
  if (result.kind === 'valid') return tooLong;
  const found = new Map<string, FieldViolation>();
  for (const violation of result.violations) {
    const field = nameField(violation);
    if (!found.has(field)) found.set(field, { field, description: describe(violation, kept) });
  }
  if (tooLong.length === 0) return [...found.values()];
  const names = schema.fields.map(({ name }) => name);
  const positionOf = ({ field }: FieldViolation) => names.indexOf(field.replace(/\W.*/, ''));
  return [...tooLong, ...found.values()].sort((left, right) => positionOf(left) - positionOf(right));
}

/** Adds the violations of a message that the contract cannot name. It reads nothing but the message. */
export type MessageCheck<Schema extends DescMessage = DescMessage> = (
  message: MessageShape<Schema>,
  validation: Validation,
) => void;

/**
 * Applies the rules to a message. Only of a message that violates them, `check` adds further violations, of other fields.
 * @throws {DomainError} `invalid_argument` INVALID_REQUEST with all violations.
 */
export function requireValid(schema: DescMessage, message: Message, check?: MessageCheck): void {
  const violations = findViolations(schema, message);
  if (violations.length === 0) return;
  const validation = createValidation();
  check?.(message, validation);
  const fields = new Set(violations.map(({ field }) => field));
  throw invalidArgument([...violations, ...validation.violations().filter(({ field }) => !fields.has(field))]);
}

/**
 * Compiles the rules of message types, which takes milliseconds, before the first message arrives.
 * @throws {Error} when a rule of the contract is itself wrong.
 */
export function prepareRules(schemas: Iterable<DescMessage>): void {
  for (const schema of schemas) findViolations(schema, create(schema));
}

// Patterns in contracts are those that both RE2 and JavaScript understand; JavaScript's engine takes half the time.
function regexMatch(pattern: string, text: string): boolean {
  let compiled = patterns.get(pattern);
  if (compiled === undefined) {
    compiled = new RegExp(pattern, 'u');
    patterns.set(pattern, compiled);
  }
  return compiled.test(text);
}

const limitedLists = new WeakMap<DescMessage, readonly { readonly field: DescField; readonly most: number }[]>();

// A megabyte holds 200,000 entries: their violations would occupy the process for a second, and the caller fixes the length first.
function cutLists(schema: DescMessage, message: Message): { kept: Message; tooLong: FieldViolation[] } {
  let limited = limitedLists.get(schema);
  if (limited === undefined) {
    limited = schema.fields.flatMap((field) => {
      const most = maxItemsOf(field);
      return most === 0 ? [] : [{ field, most }];
    });
    limitedLists.set(schema, limited);
  }
  let kept: Message = message;
  const tooLong: FieldViolation[] = [];
  for (const { field, most } of limited) {
    const list = (message as Message & Record<string, unknown>)[field.localName];
    if (!Array.isArray(list) || list.length <= most) continue;
    kept = { ...kept, [field.localName]: list.slice(0, most) };
    tooLong.push({ field: field.name, description: `must have at most ${most} entries, has ${list.length}` });
  }
  return { kept, tooLong };
}

function maxItemsOf(field: DescField): number {
  const { type } = getOption(field, fieldRules);
  return type.case === 'repeated' ? Number(type.value.maxItems) : 0;
}

/**
 * The path of a violation's field, like `items[2].quantity`. A rule of a message field may be about a part of it: then its id begins with
 * the name of that part, like `minor_units.at_least_1` of a field `amount`.
 */
function nameField({ field: path, ruleId }: Violation): string {
  const last = path.at(-1);
  const [part = ''] = ruleId.split('.');
  const isOfPart = last?.kind === 'field' && last.message?.fields.some(({ name }) => name === part) === true;
  return isOfPart ? `${pathToString(path)}.${part}` : pathToString(path);
}

const BOUNDS = /(?:greater than or equal to (-?\d+))?(?: and )?(?:less than or equal to (-?\d+))?$/;

function describe({ ruleId, message, field: path }: Violation, from: Message): string {
  const last = path.at(-1);
  if (ruleId === 'required') return 'must be set';
  if (ruleId === 'repeated.min_items') return 'must not be empty';
  if (ruleId === 'enum.defined_only' && last?.kind === 'field' && last.enum !== undefined) {
    return `must be a value of ${last.enum.typeName}, is ${valueAt(path, from)}`;
  }
  if (/^u?int(32|64)\.not_in$/.test(ruleId)) return `must not be ${valueAt(path, from)}`;
  if (/^u?int(32|64)\.(gte|lte|gte_lte)$/.test(ruleId)) {
    const value = valueAt(path, from);
    const [, least, most] = BOUNDS.exec(message) ?? [];
    const isBelow = least !== undefined && BigInt(String(value)) < BigInt(least);
    return isBelow ? `must be at least ${least}, is ${value}` : `must be at most ${most}, is ${value}`;
  }
  return message;
}

function valueAt(path: Path, from: Message): unknown {
  let value: unknown = from;
  for (const part of path) {
    if (part.kind !== 'field' && part.kind !== 'list_sub') return undefined;
    const key = part.kind === 'field' ? part.localName : part.index;
    value = (value as Record<string | number, unknown> | undefined)?.[key];
  }
  return value;
}
