// The expressions of alerting rules, as far as PromQL is used here: metrics with equal labels, sums and the like by labels, what a counter
// grew by within a window, arithmetic, comparisons, `and`, `or` and `absent`. Pure.

export type Aggregation = 'sum' | 'min' | 'max';
export type Growth = 'increase' | 'rate';
export type Operator = '*' | '/' | '==' | '!=' | '>=' | '<=' | '>' | '<' | 'and' | 'or';

export type Selector = {
  readonly metric: string;
  /** The labels that a sample must have. */
  readonly labels: Readonly<Record<string, string>>;
};

export type RuleExpression =
  | { readonly kind: 'number'; readonly value: number }
  | ({ readonly kind: 'selector' } & Selector)
  | { readonly kind: 'growth'; readonly of: Selector; readonly by: Growth; readonly windowMs: number }
  | { readonly kind: 'absent'; readonly of: Selector }
  | {
      readonly kind: 'aggregate';
      readonly by: Aggregation;
      readonly labels: readonly string[];
      readonly of: RuleExpression;
    }
  | {
      readonly kind: 'binary';
      readonly operator: Operator;
      readonly left: RuleExpression;
      readonly right: RuleExpression;
    };

const TOKEN = /\s*(?:([a-zA-Z_:][\w:]*)|(\d+(?:\.\d+)?)(ms|[smhd])?|"([^"\\]*)"|(==|!=|>=|<=|[-+*/<>=(){}[\],]))/y;
/** By how tightly they bind, loosest first. */
const LEVELS: readonly (readonly Operator[])[] = [['or'], ['and'], ['==', '!=', '>=', '<=', '>', '<'], ['*', '/']];
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

type Token = { readonly text: string; readonly kind: 'name' | 'number' | 'duration' | 'string' | 'sign' };

/** Reads an expression; undefined for one that uses anything else of PromQL. */
export function parseExpression(text: string): RuleExpression | undefined {
  const tokens = tokensOf(text.trim());
  if (tokens === undefined || tokens.length === 0) return undefined;
  try {
    const reader = createReader(tokens);
    const expression = readLevel(reader, 0);
    return reader.peek() === undefined ? expression : undefined;
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

/** `1m30s` in milliseconds. */
export function durationOf(text: string): number {
  return [...text.matchAll(/(\d+)(ms|[smhd])/g)].reduce(
    (total, [, count = '0', unit = '']) => total + Number(count) * (UNITS[unit] ?? 0),
    0,
  );
}

class NotUnderstood extends Error {}

function tokensOf(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match === null) return undefined;
    const [, name, digits, unit, string, sign] = match;
    if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (digits !== undefined)
      tokens.push({ kind: unit === undefined ? 'number' : 'duration', text: digits + (unit ?? '') });
    else if (string !== undefined) tokens.push({ kind: 'string', text: string });
    else tokens.push({ kind: 'sign', text: sign ?? '' });
  }
  return tokens;
}

type Reader = {
  /** The next token, without taking it. */
  peek(): Token | undefined;
  /** Takes the next token if it has this text. */
  accept(text: string): boolean;
  /** Takes the next token, which has this text. */
  expect(text: string): void;
  /** Takes the next token, which is of this kind. */
  take(kind: Token['kind']): string;
};

function createReader(tokens: readonly Token[]): Reader {
  let at = 0;
  const peek = () => tokens[at];
  const isNext = (text: string) => peek()?.text === text && peek()?.kind !== 'string';
  const accept = (text: string): boolean => {
    if (!isNext(text)) return false;
    at += 1;
    return true;
  };
  return {
    peek,
    accept,
    expect: (text) => {
      if (!accept(text)) throw new NotUnderstood();
    },
    take: (kind) => {
      const token = peek();
      if (token?.kind !== kind) throw new NotUnderstood();
      at += 1;
      return token.text;
    },
  };
}

function readLevel(reader: Reader, level: number): RuleExpression {
  const operators = LEVELS[level];
  if (operators === undefined) return readOperand(reader);
  let left = readLevel(reader, level + 1);
  for (;;) {
    const operator = operators.find((known) => reader.accept(known));
    if (operator === undefined) return left;
    left = { kind: 'binary', operator, left, right: readLevel(reader, level + 1) };
  }
}

function readOperand(reader: Reader): RuleExpression {
  if (reader.accept('(')) return closed(reader, readLevel(reader, 0));
  if (reader.accept('-')) return { kind: 'number', value: -Number(reader.take('number')) };
  if (reader.peek()?.kind === 'number') return { kind: 'number', value: Number(reader.take('number')) };
  const name = reader.take('name');
  switch (name) {
    case 'sum':
    case 'min':
    case 'max': {
      const labels = reader.accept('by') ? readNames(reader) : [];
      reader.expect('(');
      return { kind: 'aggregate', by: name, labels, of: closed(reader, readLevel(reader, 0)) };
    }
    case 'increase':
    case 'rate': {
      reader.expect('(');
      const of = readSelector(reader, reader.take('name'));
      reader.expect('[');
      const windowMs = durationOf(reader.take('duration'));
      reader.expect(']');
      return closed(reader, { kind: 'growth', by: name, of, windowMs });
    }
    case 'absent':
      reader.expect('(');
      return closed(reader, { kind: 'absent', of: readSelector(reader, reader.take('name')) });
    default:
      return { kind: 'selector', ...readSelector(reader, name) };
  }
}

function closed(reader: Reader, expression: RuleExpression): RuleExpression {
  reader.expect(')');
  return expression;
}

function readNames(reader: Reader): string[] {
  const names: string[] = [];
  reader.expect('(');
  while (!reader.accept(')')) {
    names.push(reader.take('name'));
    if (!reader.accept(',') && reader.peek()?.text !== ')') throw new NotUnderstood();
  }
  return names;
}

function readSelector(reader: Reader, metric: string): Selector {
  const labels: Record<string, string> = {};
  if (reader.accept('{')) {
    while (!reader.accept('}')) {
      const label = reader.take('name');
      reader.expect('=');
      labels[label] = reader.take('string');
      if (!reader.accept(',') && reader.peek()?.text !== '}') throw new NotUnderstood();
    }
  }
  return { metric, labels };
}

/** The metrics that an expression reads, each with the longest window over which it is read; 0 for the moment only. */
export function metricsOf(expression: RuleExpression): { readonly of: Selector; readonly windowMs: number }[] {
  switch (expression.kind) {
    case 'number':
      return [];
    case 'selector':
      return [{ of: expression, windowMs: 0 }];
    case 'absent':
      return [{ of: expression.of, windowMs: 0 }];
    case 'growth':
      return [expression];
    case 'aggregate':
      return metricsOf(expression.of);
    case 'binary':
      return [...metricsOf(expression.left), ...metricsOf(expression.right)];
  }
}
