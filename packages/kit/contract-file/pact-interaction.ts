// An RPC as Pact's tools see it. A unary call is a POST of Connect JSON; a stream has no HTTP form that Pact could match,
// and is kept as messages, which its HTTP tools pass over.

import { type JsonObject, type JsonValue, type Registry, toBinary, toJson } from '@bufbuild/protobuf';
import { base64Encode } from '@bufbuild/protobuf/wire';
import { nameOf } from '../base/rpc-name.ts';
import { createExample } from '../matching/example-message.ts';
import { createExampleHeaders, type HeaderPatterns } from '../matching/header-pattern.ts';
import type { PatternJson } from '../matching/write-pattern.ts';
import { writePattern } from '../matching/write-pattern.ts';
import { httpStatusOf, nameOfCode } from './connect-code.ts';
import type { Failure, RpcInteraction } from './interaction.ts';
import { omitWhatMayBeUnset } from './pact-pattern.ts';
import { toPactDetailRules, toPactGenerators, toPactHeaderRules, toPactRules } from './pact-rules.ts';

/** Returns the type of an interaction and the fields of it that Pact defines. */
export function toPactInteraction(interaction: RpcInteraction, registry: Registry): JsonObject {
  if (interaction.method.methodKind === 'unary') {
    return {
      type: 'Synchronous/HTTP',
      request: toPactRequest(interaction, registry),
      response: toPactResponse(interaction, registry),
    };
  }
  const { method, requests, responses } = interaction;
  const examplesOf = (desc: typeof method.input, patterns: RpcInteraction['requests']) =>
    patterns.map((pattern) => toJson(desc, createExample(desc, pattern), { registry }));
  const sent = examplesOf(method.input, requests);
  const [only] = sent;
  return {
    type: 'Synchronous/Messages',
    // Pact's verifier would ask for it over HTTP in a form of its own; what is pending is tried and never fails it.
    pending: true,
    request: toPactContents(method.methodKind === 'server_streaming' && only !== undefined ? only : sent),
    response: examplesOf(method.output, responses).map(toPactContents),
  };
}

function toPactContents(content: JsonValue): JsonObject {
  return { contents: { content, contentType: 'application/json', encoded: false } };
}

function toPactRequest({ method, requests, metadata, deadline }: RpcInteraction, registry: Registry): JsonObject {
  const [pattern] = requests.map((request) => writePattern(request, registry));
  const example = requests.map((request) => toJson(method.input, createExample(method.input, request), { registry }));
  const headers: HeaderPatterns = {
    'content-type': { kind: 'equal', example: 'application/json' },
    ...(deadline && {
      'connect-timeout-ms': { kind: 'regex', expression: /^\d+$/, example: String(deadline.atMostMs ?? 1000) },
    }),
    ...metadata,
  };
  const generators = pattern ? toPactGenerators(pattern, headers) : {};
  return {
    method: 'POST',
    path: `/${nameOf(method)}`,
    headers: toPactHeaders(headers),
    body: toPactBody(example[0] ?? {}),
    matchingRules: toPactMatchingRules(pattern, headers),
    ...(Object.keys(generators).length > 0 && { generators }),
  };
}

function toPactResponse(interaction: RpcInteraction, registry: Registry): JsonObject {
  const { method, responses, failure, responseHeaders, responseTrailers } = interaction;
  const trailers = Object.entries(responseTrailers).map(([name, pattern]) => [`trailer-${name}`, pattern]);
  const headers: HeaderPatterns = {
    'content-type': { kind: 'equal', example: 'application/json' },
    ...responseHeaders,
    ...Object.fromEntries(trailers),
  };
  if (failure) {
    return {
      status: httpStatusOf(failure.code),
      headers: toPactHeaders(headers),
      body: toPactBody(toErrorJson(failure)),
      matchingRules: {
        body: {
          ...toPactRules({ message: {}, rules: { message: { match: 'like' } } }),
          ...toPactDetailRules(failure.details.length),
        },
        header: toPactHeaderRules(headers),
      },
    };
  }
  const [pattern] = responses.map(omitWhatMayBeUnset);
  const written = pattern && writePattern(pattern, registry);
  const example = pattern ? toJson(method.output, createExample(method.output, pattern), { registry }) : {};
  return {
    status: 200,
    headers: toPactHeaders(headers),
    body: toPactBody(example),
    matchingRules: toPactMatchingRules(written, headers),
  };
}

// An error as Connect writes it down, without the part of a detail that is for people: a provider may leave it out.
function toErrorJson({ code, message, details }: Failure): JsonObject {
  const text = createExampleHeaders({ message }).message ?? '';
  const written = details.map(({ desc, pattern }) => ({
    type: desc.typeName,
    value: base64Encode(toBinary(desc, createExample(desc, pattern)), 'std_raw'),
  }));
  return {
    code: nameOfCode(code),
    ...(text !== '' && { message: text }),
    ...(written.length > 0 && { details: written }),
  };
}

function toPactBody(content: JsonValue): JsonObject {
  return { content, contentType: 'application/json', encoded: false };
}

function toPactHeaders(headers: HeaderPatterns): JsonObject {
  return Object.fromEntries(Object.entries(createExampleHeaders(headers)).map(([name, value]) => [name, [value]]));
}

function toPactMatchingRules(pattern: PatternJson | undefined, headers: HeaderPatterns): JsonObject {
  return { body: pattern ? toPactRules(pattern) : {}, header: toPactHeaderRules(headers) };
}
