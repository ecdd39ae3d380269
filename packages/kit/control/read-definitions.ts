// The stubs of a control request: JSON objects, or a JSON text.

import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '../base/error-reason.ts';
import { elementPath, fieldPath } from '../matching/difference.ts';
import { parseExactly } from '../matching/exact-json.ts';
import type { StubDefinitions } from './gen/touchstone/kit/v1/stub_control_service_pb.ts';

/** Stubs as JSON, whose whole numbers that a double cannot hold are bigints. */
type DefinedStubs = {
  /** The field they are in. */
  readonly name: string;
  readonly stubs: readonly unknown[];
};

/**
 * Returns the stubs by the fields they are in.
 *
 * @throws {ConnectError} `invalid_argument` naming the field that is not a list of stubs, or has a number that may be rounded.
 */
export function readDefinitions(definitions: StubDefinitions | undefined): DefinedStubs[] {
  const { stubs = [], json = '' } = definitions ?? {};
  for (const [index, stub] of stubs.entries()) refuseRounded(stub, elementPath('definitions.stubs', index));
  return [
    { name: 'definitions.stubs', stubs },
    { name: 'definitions.json', stubs: json === '' ? [] : parseList(json) },
  ];
}

function parseList(json: string): unknown[] {
  const parsed = parse(json);
  if (Array.isArray(parsed)) return parsed;
  throw invalid('definitions.json: must be a JSON list of stubs');
}

function parse(json: string): unknown {
  try {
    return parseExactly(json);
  } catch (error) {
    throw invalid(`definitions.json: ${reasonOf(error)}`);
  }
}

// Above this limit the double of a Struct may stand for another number than was written.
function refuseRounded(value: unknown, path: string): void {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw invalid(`${path}: ${value} may be rounded: write it as a string, or use "json"`);
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    refuseRounded(member, Array.isArray(value) ? elementPath(path, Number(name)) : fieldPath(path, name));
  }
}

function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}
