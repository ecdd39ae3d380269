// The values that a provider chose for its states, in the place of the examples of `fromState`.

import type { DescField, JsonObject, JsonValue, Registry } from '@bufbuild/protobuf';
import type { RpcInteraction } from '../contract-file/interaction.ts';
import { fieldPath } from '../matching/difference.ts';
import type { HeaderPattern, HeaderPatterns } from '../matching/header-pattern.ts';
import { leafFromJson } from '../matching/leaf-json.ts';
import type { EntryPattern, MessagePattern, Pattern } from '../matching/pattern.ts';

/**
 * Returns the interaction with these values in its request, and in the answer that is expected. Values that it does not ask for are ignored.
 *
 * @throws {Error} A value is none of its field: names the path.
 */
export function withStateValues(interaction: RpcInteraction, values: JsonObject, registry: Registry): RpcInteraction {
  const inject = (pattern: MessagePattern) => injectFields(pattern, { values, registry }, '');
  const { requests, responses, metadata, responseHeaders, responseTrailers } = interaction;
  return {
    ...interaction,
    requests: requests.map(inject),
    responses: responses.map(inject),
    metadata: injectHeaders(metadata, values),
    responseHeaders: injectHeaders(responseHeaders, values),
    responseTrailers: injectHeaders(responseTrailers, values),
  };
}

type Injection = { readonly values: JsonObject; readonly registry: Registry };

function injectFields(pattern: MessagePattern, injection: Injection, path: string): MessagePattern {
  const fields = pattern.fields.map(({ field, pattern: ofField }) => ({
    field,
    pattern: injectPattern(field, ofField, injection, fieldPath(path, field.jsonName)),
  }));
  return { kind: 'message', fields };
}

function injectPattern(field: DescField, pattern: Pattern, injection: Injection, path: string): Pattern {
  const inject = (inner: Pattern) => injectPattern(field, inner, injection, path);
  const injectEntry = (entry: EntryPattern) => ({ ...entry, pattern: inject(entry.pattern) });
  switch (pattern.kind) {
    case 'equal': {
      const value = findValue(pattern.fromState, injection.values);
      if (value === undefined) return pattern;
      return { kind: 'equal', example: leafFromJson(field, value, injection.registry, path) };
    }
    case 'message':
      return injectFields(pattern, injection, path);
    case 'packed':
      return { ...pattern, content: injectFields(pattern.content, injection, path) };
    case 'list':
      return { ...pattern, elements: pattern.elements.map(inject) };
    case 'each':
      return { ...pattern, element: inject(pattern.element) };
    case 'map':
      return { ...pattern, entries: pattern.entries.map(injectEntry) };
    case 'eachEntry':
      return { ...pattern, example: injectEntry(pattern.example) };
    case 'present':
      return { ...pattern, example: inject(pattern.example) };
    case 'anything':
      return { ...pattern, example: pattern.example && inject(pattern.example) };
    default:
      return pattern;
  }
}

function injectHeaders(patterns: HeaderPatterns, values: JsonObject): HeaderPatterns {
  const entries = Object.entries(patterns).map(([name, pattern]): [string, HeaderPattern] => {
    const value = pattern.kind === 'equal' ? findValue(pattern.fromState, values) : undefined;
    return [name, value === undefined ? pattern : { kind: 'equal', example: String(value) }];
  });
  return Object.fromEntries(entries);
}

function findValue(name: string | undefined, values: JsonObject): JsonValue | undefined {
  return name !== undefined && Object.hasOwn(values, name) ? values[name] : undefined;
}
