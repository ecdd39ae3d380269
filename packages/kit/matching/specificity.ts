// The specificity of a pattern: it decides which of several stubs or interactions that match a request answers it.
//
// There is one rule, for the stubs of a virtual service and for the interactions of a contract:
//
//   1. The pattern that fixes more values is more specific. A value is fixed when only one is accepted: by a plain value, by
//      `absent()`, or by the length of a list.
//   2. At a tie, the pattern that constrains more values is more specific. A value is constrained when a matcher accepts some
//      values and refuses others: `like`, `regex`, `anyOf`, `integerRange`, `eachLike`, `unordered`, `present`.
//   3. Otherwise neither is more specific. The request is ambiguous, and the error names both.
//
// `anything()` neither fixes nor constrains. A field that the pattern does not mention is fixed where it has to be unset (in an
// interaction), and free where it may have any value (in a stub). So a pattern that accepts fewer requests than another wins.
//
// The order of declaration decides nothing. WireMock prefers the stub added last and Mountebank the first that matches, but the
// interactions of a contract file have no such order, and an accidental overlap would pass unnoticed.

import type { DescField, DescMessage } from '@bufbuild/protobuf';
import type { HeaderPatterns } from './header-pattern.ts';
import type { MessagePattern, Pattern } from './pattern.ts';

/** How many values a pattern fixes, and how many others it constrains. */
export type Specificity = {
  readonly fixed: number;
  readonly constrained: number;
};

const FREE: Specificity = { fixed: 0, constrained: 0 };
export const ONE_FIXED: Specificity = { fixed: 1, constrained: 0 };
const ONE_CONSTRAINED: Specificity = { fixed: 0, constrained: 1 };

type SpecificityOptions = {
  /** Whether fields that the pattern does not mention have to be unset. */
  readonly isClosed: boolean;
};

/** Returns the specificity of a message pattern. */
export function specificityOf(desc: DescMessage, { fields }: MessagePattern, options: SpecificityOptions): Specificity {
  const unmentioned = options.isClosed ? desc.fields.length - fields.length : 0;
  return sumSpecificity([
    { fixed: unmentioned, constrained: 0 },
    ...fields.map(({ field, pattern }) => specificityOfValue(field, pattern, options)),
  ]);
}

function specificityOfValue(field: DescField, pattern: Pattern, options: SpecificityOptions): Specificity {
  const values = (patterns: readonly Pattern[]) =>
    sumSpecificity(patterns.map((value) => specificityOfValue(field, value, options)));
  switch (pattern.kind) {
    case 'equal':
    case 'absent':
      return ONE_FIXED;
    case 'anything':
      return FREE;
    case 'message': {
      const content = field.message ? specificityOf(field.message, pattern, options) : FREE;
      // A message without further demands still has to be set.
      return content.fixed + content.constrained === 0 ? ONE_CONSTRAINED : content;
    }
    case 'packed':
      return sumSpecificity([ONE_FIXED, specificityOf(pattern.desc, pattern.content, options)]);
    case 'list':
      return sumSpecificity([pattern.isOrdered ? ONE_FIXED : ONE_CONSTRAINED, values(pattern.elements)]);
    case 'map':
      return values(pattern.entries.map((entry) => entry.pattern));
    default:
      return ONE_CONSTRAINED;
  }
}

/** Returns the specificity of header patterns. Headers that are not mentioned are free. */
export function specificityOfHeaders(patterns: HeaderPatterns): Specificity {
  return sumSpecificity(
    Object.values(patterns).map(({ kind }) => (kind === 'equal' || kind === 'absent' ? ONE_FIXED : ONE_CONSTRAINED)),
  );
}

/** Returns the specificity of patterns that all have to match. */
export function sumSpecificity(parts: readonly Specificity[]): Specificity {
  return parts.reduce(
    (sum, { fixed, constrained }) => ({ fixed: sum.fixed + fixed, constrained: sum.constrained + constrained }),
    FREE,
  );
}

/** The choice among the candidates that match a request. */
export type Choice<T> =
  | { readonly kind: 'none' }
  | { readonly kind: 'one'; readonly candidate: T }
  /** No candidate is more specific than these. */
  | { readonly kind: 'ambiguous'; readonly candidates: readonly T[] };

/** Chooses the most specific of the candidates that match a request. */
export function chooseMostSpecific<T>(candidates: readonly T[], rate: (candidate: T) => Specificity): Choice<T> {
  if (candidates.length === 1) return { kind: 'one', candidate: candidates[0] as T };
  const ranked = candidates
    .map((candidate) => ({ candidate, rating: rate(candidate) }))
    .sort((a, b) => compareSpecificity(a.rating, b.rating));
  const [best] = ranked;
  if (!best) return { kind: 'none' };
  const equal = ranked.filter(({ rating }) => compareSpecificity(best.rating, rating) === 0);
  return equal.length > 1
    ? { kind: 'ambiguous', candidates: equal.map(({ candidate }) => candidate) }
    : { kind: 'one', candidate: best.candidate };
}

// Negative when `a` is more specific.
function compareSpecificity(a: Specificity, b: Specificity): number {
  return b.fixed - a.fixed || b.constrained - a.constrained;
}
