// The mutants that are not made, as a plugin of Stryker. Each pattern is a text for people that no test should pin, with its reason.

/** The parts of Babel's paths and nodes that the patterns look at. */
type Node = {
  readonly type: string;
  readonly name?: string;
  readonly callee?: Node;
  readonly object?: Node;
  readonly property?: Node;
  readonly key?: Node;
};
type Path = { readonly node: Node; readonly parent?: Node; readonly listKey?: string; readonly key?: string | number };

const LOG_LEVELS = new Set(['trace', 'debug', 'info', 'warn', 'error', 'fatal']);
const BUILT_IN_ERRORS = new Set(['Error', 'RangeError', 'TypeError', 'CircuitOpenError', 'BulkheadRejectedError']);

/** The functions that build such an error, and which of their arguments is the message. */
const MESSAGE_INDEXES: Readonly<Record<string, number>> = {
  failedPrecondition: 1,
  mismatch: 1,
  notFound: 1,
  outcomeUnknown: 0,
  permissionDenied: 1,
};

function isArgument({ listKey, parent }: Path, type: string): boolean {
  return listKey === 'arguments' && parent?.type === type;
}

/** The arguments of `log.warn(...)` or `dependencies.log.warn(...)`; the call itself is still mutated. */
function isLogText(path: Path): boolean {
  const callee = path.parent?.callee;
  if (!isArgument(path, 'CallExpression') || callee?.type !== 'MemberExpression') return false;
  const logger = callee.object?.type === 'MemberExpression' ? callee.object.property : callee.object;
  return logger?.name === 'log' && LOG_LEVELS.has(callee.property?.name ?? '');
}

/** The message of `new Error(...)`; that it is thrown is still mutated. */
function isErrorText(path: Path): boolean {
  return isArgument(path, 'NewExpression') && path.key === 0 && BUILT_IN_ERRORS.has(path.parent?.callee?.name ?? '');
}

/** The message of an error that a caller tells apart by its reason: as the property `message`, or as an argument of a helper. */
function isDomainErrorText(path: Path): boolean {
  if (path.parent?.type === 'ObjectProperty') return path.key === 'value' && path.parent.key?.name === 'message';
  return isArgument(path, 'CallExpression') && path.key === MESSAGE_INDEXES[path.parent?.callee?.name ?? ''];
}

const REASONS: readonly (readonly [(path: Path) => boolean, string])[] = [
  [isLogText, 'the words of a log line are for people'],
  [isErrorText, 'the words of an internal error are for people'],
  [isDomainErrorText, 'programs compare the reason of an error; its words are for people'],
];

const ignorer = {
  shouldIgnore: (path: Path): string | undefined => REASONS.find(([isIgnored]) => isIgnored(path))?.[1],
};

export const strykerPlugins = [{ kind: 'Ignore', name: 'texts', value: ignorer }];
