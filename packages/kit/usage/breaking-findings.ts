// The findings of `buf breaking --error-format=json`, and the element of the contract that each of them is about.

/** One finding. */
export type BreakingFinding = {
  /** The file, as buf names it; undefined if the file itself was deleted. */
  readonly path: string | undefined;
  readonly line: number | undefined;
  /** Such as `FIELD_NO_DELETE`. */
  readonly rule: string;
  readonly message: string;
  /** The element that changed; undefined if the message does not name it. */
  readonly element: ChangedElement | undefined;
};

/** An element of a contract, by the names in the messages of buf. The name of a nested type may lack the enclosing types. */
export type ChangedElement =
  | { readonly kind: 'field'; readonly type: string; readonly number: number; readonly name: string | undefined }
  /** A field that was moved into a oneof or out of it, which changes the oneof too. */
  | { readonly kind: 'oneof member'; readonly type: string; readonly number: number }
  | { readonly kind: 'oneof'; readonly type: string; readonly name: string }
  | { readonly kind: 'enum value'; readonly type: string; readonly number: number }
  | { readonly kind: 'type'; readonly type: string; readonly package: string | undefined }
  | { readonly kind: 'rpc'; readonly type: string; readonly name: string }
  | { readonly kind: 'service'; readonly type: string; readonly package: string | undefined }
  | { readonly kind: 'package'; readonly package: string }
  | { readonly kind: 'file'; readonly path: string };

/** A line is not a finding. The message names the line and the problem. */
export class FindingsError extends Error {}

/**
 * Parses the JSON of buf: one finding a line, none in an empty text. If buf could not compare at all, it writes nothing and its exit
 * code is neither 0 nor 100; the caller has to check that.
 *
 * @throws {FindingsError} naming the line that is not a finding.
 */
export function readBreakingFindings(text: string): BreakingFinding[] {
  return text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [readFinding(line, index + 1)]));
}

function readFinding(text: string, number: number): BreakingFinding {
  const json = parseLine(text, number);
  const { path, start_line: line, type: rule, message } = json ?? {};
  if (typeof rule !== 'string' || typeof message !== 'string') {
    throw new FindingsError(`line ${number} is not a finding of buf: type or message is missing`);
  }
  const finding = {
    path: typeof path === 'string' ? path : undefined,
    line: typeof line === 'number' ? line : undefined,
    rule,
    message,
  };
  return { ...finding, element: findElement(finding) };
}

function parseLine(text: string, number: number): Record<string, unknown> | null {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FindingsError(`line ${number} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

type Reading = {
  readonly rules: RegExp;
  readonly words: RegExp;
  readonly toElement: (words: Readonly<Record<string, string>>) => ChangedElement;
};

// The name of a deleted element appears only in the message. If a message has an unknown form, the element stays undefined.
const READINGS: readonly Reading[] = [
  {
    rules: /^FIELD_SAME_ONEOF$/,
    words: /^Field "(?<number>\d+)" (?:with name "[^"]+" )?on message "(?<type>[^"]+)" moved /,
    toElement: ({ type = '', number }) => ({ kind: 'oneof member', type, number: Number(number) }),
  },
  {
    rules: /^FIELD_NO_DELETE(_|$)/,
    words:
      /^Previously present field "(?<number>\d+)" with name "(?<name>[^"]+)" on message "(?<type>[^"]+)" was deleted/,
    toElement: ({ type = '', number, name }) => ({ kind: 'field', type, number: Number(number), name }),
  },
  {
    // The name in this message is the new one, so the field is identified by its number.
    rules: /^FIELD_/,
    words: /^Field "(?<number>\d+)" (?:with name "[^"]+" )?on message "(?<type>[^"]+)" changed /,
    toElement: ({ type = '', number }) => ({ kind: 'field', type, number: Number(number), name: undefined }),
  },
  {
    rules: /^ONEOF_NO_DELETE$/,
    words: /^Previously present oneof "(?<name>[^"]+)" on message "(?<type>[^"]+)" was deleted/,
    toElement: ({ type = '', name = '' }) => ({ kind: 'oneof', type, name }),
  },
  {
    rules: /^ENUM_VALUE_/,
    words:
      /^(?:Previously present enum|Enum) value "(?<number>-?\d+)" on enum "(?<type>[^"]+)" (?:was deleted|changed )/,
    toElement: ({ type = '', number }) => ({ kind: 'enum value', type, number: Number(number) }),
  },
  {
    rules: /^(PACKAGE_)?(MESSAGE|ENUM)_NO_DELETE$/,
    words:
      /^Previously present (?:message|enum) "(?<type>[^"]+)" was deleted from (?:file|package "(?<package>[^"]+)")/,
    toElement: ({ type = '', package: ofPackage }) => ({ kind: 'type', type, package: ofPackage }),
  },
  {
    rules: /^RESERVED_(MESSAGE|ENUM)_NO_DELETE$/,
    words: /^Previously present reserved (?:range|name) .* on (?:message|enum) "(?<type>[^"]+)" /,
    toElement: ({ type = '' }) => ({ kind: 'type', type, package: undefined }),
  },
  {
    rules: /^RPC_/,
    words: /^(?:Previously present )?RPC "(?<name>[^"]+)" on service "(?<type>[^"]+)" (?:was deleted|changed )/,
    toElement: ({ type = '', name = '' }) => ({ kind: 'rpc', type, name }),
  },
  {
    rules: /^(PACKAGE_)?SERVICE_NO_DELETE$/,
    words: /^Previously present service "(?<type>[^"]+)" was deleted from (?:file|package "(?<package>[^"]+)")/,
    toElement: ({ type = '', package: ofPackage }) => ({ kind: 'service', type, package: ofPackage }),
  },
  {
    rules: /^PACKAGE_NO_DELETE$/,
    words: /^Previously present package "(?<package>[^"]+)" was deleted/,
    toElement: ({ package: name = '' }) => ({ kind: 'package', package: name }),
  },
  {
    rules: /^FILE_NO_DELETE$/,
    words: /^Previously present file "(?<path>[^"]+)" was deleted/,
    toElement: ({ path = '' }) => ({ kind: 'file', path }),
  },
];

function findElement({ path, rule, message }: Omit<BreakingFinding, 'element'>): ChangedElement | undefined {
  if (rule.startsWith('FILE_SAME_')) return path === undefined ? undefined : { kind: 'file', path };
  const reading = READINGS.find(({ rules }) => rules.test(rule));
  const words = reading?.words.exec(message)?.groups;
  if (!reading || !words) return undefined;
  const element = reading.toElement(words);
  const isPlaced =
    path !== undefined || element.kind === 'file' || ('package' in element && element.package !== undefined);
  return isPlaced ? element : undefined;
}
