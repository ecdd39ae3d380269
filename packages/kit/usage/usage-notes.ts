// Takes down what one test file has seen its consumer use, test by test.

import type { DescEnum, DescField, DescMessage, DescMethod, DescOneof, DescService } from '@bufbuild/protobuf';
import { type ConsumerUsage, ownerOf, type TestUsage, type UsageKind, type UsedType, usageKinds } from './usage.ts';

type TypeTable = Map<string, { file?: string; numbers: Record<string, number | 'oneof'> }>;

/** The notes on one consumer and one provider, of the tests in one file. */
export class UsageNotes {
  readonly #types: TypeTable = new Map();
  readonly #tests = new Map<string, TestNotes>();

  /** Returns the notes of a test; such as lead nowhere outside of any. */
  of(test: string | undefined): TestNotes {
    if (test === undefined) return new TestNotes(new Map());
    const notes = this.#tests.get(test) ?? new TestNotes(this.#types);
    this.#tests.set(test, notes);
    return notes;
  }

  /** Returns all that was noted, the tests as those of `file`. */
  toUsage(file: string): Pick<ConsumerUsage, 'types' | 'tests'> {
    const tests = [...this.#tests].map(([test, notes]) => notes.toTestUsage(file, test));
    return { types: Object.fromEntries(this.#types), tests };
  }
}

/** The notes of one test. */
export class TestNotes {
  readonly #types: TypeTable;
  readonly #names: Readonly<Record<UsageKind, Set<string>>>;
  readonly #takenAsBytes = new Set<string>();

  constructor(types: TypeTable) {
    this.#types = types;
    this.#names = {
      calls: new Set(),
      sets: new Set(),
      reads: new Set(),
      whole: new Set(),
      values: new Set(),
      types: new Set(),
    };
  }

  /** The consumer calls an RPC. */
  call(method: DescMethod): void {
    this.#tableOf(method.parent);
    this.#names.calls.add(`${method.parent.typeName}/${method.name}`);
    this.type(method.input);
    this.type(method.output);
  }

  /** A message or an enum is before the consumer, whatever it makes of it. */
  type(desc: DescMessage | DescEnum): void {
    if (isWellKnown(desc.typeName)) return;
    this.#tableOf(desc);
    this.#names.types.add(desc.typeName);
  }

  /** The consumer sends a field. */
  set(member: DescField | DescOneof): void {
    this.#names.sets.add(this.#noteMember(member));
  }

  /** The consumer reads a field, or which case of a oneof it is. */
  read(member: DescField | DescOneof): void {
    this.#names.reads.add(this.#noteMember(member));
  }

  /** The consumer takes a message as a whole: it may read any field of it. */
  whole(desc: DescMessage): void {
    if (isWellKnown(desc.typeName)) return;
    this.type(desc);
    for (const member of [...desc.fields, ...desc.oneofs]) this.#noteMember(member);
    this.#names.whole.add(desc.typeName);
  }

  /**
   * The consumer takes the bytes of a message: it may read any field of it and of what is nested in it, whatever enum value it
   * has. A mere name is of a type that is not known.
   */
  bytes(desc: DescMessage | string): void {
    if (typeof desc === 'string') {
      if (desc === '' || isWellKnown(desc)) return;
      if (!this.#types.has(desc)) this.#types.set(desc, { numbers: {} });
      this.#names.whole.add(desc);
      return;
    }
    if (this.#takenAsBytes.has(desc.typeName)) return;
    this.#takenAsBytes.add(desc.typeName);
    this.whole(desc);
    for (const field of desc.fields) {
      if (field.message) this.bytes(field.message);
      for (const { number } of field.enum?.values ?? []) this.value(field.enum as DescEnum, number);
    }
  }

  /** The consumer sends or reads a value of an enum. One that the enum does not have is nobody's to break. */
  value(desc: DescEnum, number: number): void {
    this.type(desc);
    const value = desc.value[number];
    if (!value || isWellKnown(desc.typeName)) return;
    this.#tableOf(desc)[value.name] = number;
    this.#names.values.add(`${desc.typeName}.${value.name}`);
  }

  /**
   * Returns what was noted, nothing twice: fields read of a message that is taken whole add nothing to that, nor does a type
   * of which something is used.
   */
  toTestUsage(file: string, test: string): TestUsage {
    const sorted = Object.fromEntries(usageKinds.map((kind) => [kind, [...this.#names[kind]].sort()]));
    const usage = sorted as Record<UsageKind, string[]>;
    const reads = usage.reads.filter((name) => !this.#names.whole.has(ownerOf(name)));
    const told = new Set([...usage.whole, ...[...usage.sets, ...reads, ...usage.values].map(ownerOf)]);
    return { file, test, ...usage, reads, types: usage.types.filter((name) => !told.has(name)) };
  }

  #noteMember(member: DescField | DescOneof): string {
    this.type(member.parent);
    this.#tableOf(member.parent)[member.name] = member.kind === 'oneof' ? 'oneof' : member.number;
    return `${member.parent.typeName}.${member.name}`;
  }

  #tableOf({ typeName, file }: DescMessage | DescEnum | DescService): UsedType['numbers'] & Record<string, unknown> {
    const known = this.#types.get(typeName);
    const table = { file: `${file.name}.proto`, numbers: known?.numbers ?? {} };
    this.#types.set(typeName, table);
    return table.numbers;
  }
}

/** Whether a type is one of protobuf's own, which no provider changes. */
export function isWellKnown(typeName: string): boolean {
  return typeName.startsWith('google.protobuf.');
}
