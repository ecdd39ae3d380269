// The record of what the tests of one file show a consumer to use.

import type { DescEnum, DescField, DescMessage, DescMethod, DescOneof, DescService } from '@bufbuild/protobuf';
import { type ConsumerUsage, ownerOf, type TestUsage, USAGE_KINDS, type UsageKind, type UsedType } from './usage.ts';

type TypeTable = Map<string, { file?: string; numbers: Record<string, number | 'oneof'> }>;

/** The record of one consumer, one provider and the tests of one file. */
export class UsageRecord {
  readonly #types: TypeTable = new Map();
  readonly #tests = new Map<string, TestRecord>();

  /** Returns the record of a test. Outside of tests it is one that is never written. */
  of(test: string | undefined): TestRecord {
    if (test === undefined) return new TestRecord(new Map());
    const record = this.#tests.get(test) ?? new TestRecord(this.#types);
    this.#tests.set(test, record);
    return record;
  }

  /** Returns the recorded usage. `file` is the test file. */
  toUsage(file: string): Pick<ConsumerUsage, 'types' | 'tests'> {
    const tests = [...this.#tests].map(([test, record]) => record.toTestUsage(file, test));
    return { types: Object.fromEntries(this.#types), tests };
  }
}

/** The record of one test. */
export class TestRecord {
  readonly #types: TypeTable;
  readonly #names: Readonly<Record<UsageKind, Set<string>>>;
  readonly #readAsBytes = new Set<string>();

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

  /** Records that the consumer calls an RPC. */
  call(method: DescMethod): void {
    this.#tableOf(method.parent);
    this.#names.calls.add(`${method.parent.typeName}/${method.name}`);
    this.type(method.input);
    this.type(method.output);
  }

  /** Records that the consumer receives or sends a message or an enum. */
  type(desc: DescMessage | DescEnum): void {
    if (isWellKnown(desc.typeName)) return;
    this.#tableOf(desc);
    this.#names.types.add(desc.typeName);
  }

  /** Records that the consumer sends a field. */
  set(member: DescField | DescOneof): void {
    this.#names.sets.add(this.#recordMember(member));
  }

  /** Records that the consumer reads a field, or the case of a oneof. */
  read(member: DescField | DescOneof): void {
    this.#names.reads.add(this.#recordMember(member));
  }

  /** Records that the consumer reads a message as a whole, so that it may depend on any field. */
  whole(desc: DescMessage): void {
    if (isWellKnown(desc.typeName)) return;
    this.type(desc);
    for (const member of [...desc.fields, ...desc.oneofs]) this.#recordMember(member);
    this.#names.whole.add(desc.typeName);
  }

  /**
   * Records that the consumer reads the bytes of a message, so that it may depend on any field and enum value of it and of nested
   * messages. A name stands for a type that is not known.
   */
  bytes(desc: DescMessage | string): void {
    if (typeof desc === 'string') {
      if (desc === '' || isWellKnown(desc)) return;
      if (!this.#types.has(desc)) this.#types.set(desc, { numbers: {} });
      this.#names.whole.add(desc);
      return;
    }
    if (this.#readAsBytes.has(desc.typeName)) return;
    this.#readAsBytes.add(desc.typeName);
    this.whole(desc);
    for (const field of desc.fields) {
      if (field.message) this.bytes(field.message);
      for (const { number } of field.enum?.values ?? []) this.value(field.enum as DescEnum, number);
    }
  }

  /** Records that the consumer sends or reads an enum value. A number that the enum does not define is ignored. */
  value(desc: DescEnum, number: number): void {
    this.type(desc);
    const value = desc.value[number];
    if (!value || isWellKnown(desc.typeName)) return;
    this.#tableOf(desc)[value.name] = number;
    this.#names.values.add(`${desc.typeName}.${value.name}`);
  }

  /**
   * Returns the recorded usage without redundant names: reads of a message that is read as a whole, and types with a more specific
   * use, are left out.
   */
  toTestUsage(file: string, test: string): TestUsage {
    const sorted = Object.fromEntries(USAGE_KINDS.map((kind) => [kind, [...this.#names[kind]].sort()]));
    const usage = sorted as Record<UsageKind, string[]>;
    const reads = usage.reads.filter((name) => !this.#names.whole.has(ownerOf(name)));
    const covered = new Set([...usage.whole, ...[...usage.sets, ...reads, ...usage.values].map(ownerOf)]);
    return { file, test, ...usage, reads, types: usage.types.filter((name) => !covered.has(name)) };
  }

  #recordMember(member: DescField | DescOneof): string {
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

/** Returns whether a type is one of protobuf's own, which no provider changes. */
export function isWellKnown(typeName: string): boolean {
  return typeName.startsWith('google.protobuf.');
}
