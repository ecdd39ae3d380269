// The stubs of a virtual service: takes them in, and chooses the one that a request is for, or explains why none is.

import type { DescMethod, Message } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { type Condition, toConditions } from './conditions.ts';
import { shorten } from './format-value.ts';
import type { Step, StubbableMethod } from './stub.ts';

/** One stub: the conditions a request must meet, and the steps for the calls that do. */
interface Entry {
  readonly name: string;
  /** All that the stub states: stubs of one RPC with the same identity are for the same requests. */
  readonly identity: string;
  readonly conditions: readonly Condition[];
  readonly steps: Step[];
  calls: number;
}

/** A miss or an ambiguity: the test is at fault, not the caller. */
export class StubError extends Error {
  /** What the caller is answered. */
  readonly code: Code;

  constructor(message: string, code: Code) {
    super(message);
    this.code = code;
  }
}

/** Stubs by RPC. */
export class StubBook {
  readonly #entries = new Map<StubbableMethod, Entry[]>();

  /**
   * Returns where the steps of a new stub go. The stub counts from its first step on; it then takes the place of a stub
   * of the same RPC with the very same conditions.
   */
  open(method: StubbableMethod, match: object): (step: Step) => void {
    const conditions = toConditions(method.input, match);
    const entry: Entry = { ...describeStub(method, conditions), conditions, steps: [], calls: 0 };
    return (step) => {
      if (entry.steps.length === 0) this.#add(method, entry);
      entry.steps.push(step);
    };
  }

  /**
   * Returns the step for this call of the most specific stub that matches.
   *
   * @throws StubError `unimplemented` when none matches, naming the nearest one and what differs; `internal` when two
   *   match and neither is more specific, naming both.
   */
  next(method: StubbableMethod, request: Message): Step {
    const entries = this.#entries.get(method) ?? [];
    const matching = entries.filter(({ conditions }) => conditions.every((condition) => condition.holds(request)));
    const [best, second] = matching.sort((a, b) => b.conditions.length - a.conditions.length);
    if (!best) throw new StubError(explainMiss(method, request, entries), Code.Unimplemented);
    if (second?.conditions.length === best.conditions.length) {
      throw new StubError(`${nameOf(method)}: both ${best.name} and ${second.name} match`, Code.Internal);
    }
    const step = best.steps[Math.min(best.calls, best.steps.length - 1)];
    best.calls += 1;
    return step as Step;
  }

  clear(): void {
    this.#entries.clear();
  }

  #add(method: StubbableMethod, entry: Entry): void {
    const others = (this.#entries.get(method) ?? []).filter(({ identity }) => identity !== entry.identity);
    this.#entries.set(method, [...others, entry]);
  }
}

/** Returns the RPC's name as on the wire, such as `greet.v1.GreetService/Greet`. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

function describeStub(method: StubbableMethod, conditions: readonly Condition[]): Pick<Entry, 'name' | 'identity'> {
  const stated = conditions.map(({ path, expected }) => `${path}: ${expected}`).sort();
  const name =
    stated.length === 0 ? `stub(${method.name})` : `stub(${method.name}, { ${stated.map(shorten).join(', ')} })`;
  return { name, identity: stated.join('\n') };
}

function explainMiss(method: StubbableMethod, request: Message, entries: readonly Entry[]): string {
  const [nearest] = entries
    .map(({ name, conditions }) => ({ name, failing: conditions.filter((condition) => !condition.holds(request)) }))
    .sort((a, b) => a.failing.length - b.failing.length);
  if (!nearest) return `${nameOf(method)} is not stubbed`;
  const differences = nearest.failing.map((condition) => {
    return `${condition.path} is ${shorten(condition.actual(request))}, not ${shorten(condition.expected)}`;
  });
  return `${nameOf(method)}: no stub matches; nearest is ${nearest.name}, but ${differences.join('; ')}`;
}
