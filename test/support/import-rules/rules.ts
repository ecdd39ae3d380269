// Who may import whom. Each rule looks at one scanned module and says what it refuses; settings.ts names the files they speak of.
import { posix } from 'node:path';
import { type Room, resolveImport, roomOf, type Target } from './resolve-import.ts';
import type { GlobalUse, ModuleImport, ScannedModule } from './scan-module.ts';

export interface Violation {
  readonly rule: string;
  readonly path: string;
  /** 0 when it concerns the file, or the repository, as a whole. */
  readonly line: number;
  readonly message: string;
}

export interface RuleSettings {
  /** Files that compute and do nothing else. */
  readonly pureFiles: readonly string[];
  /** What pure files may import besides pure files beside them. */
  readonly openToPureFiles: readonly string[];
  /** Generated code without business nouns, which the platform may use: path prefixes. */
  readonly neutralContracts: readonly string[];
  /** Platform modules whose factories make plain values, free for every file to call. */
  readonly plainFactories: readonly string[];
  /** npm packages, each with the exports that open connections or start things. */
  readonly clientFactories: Readonly<Record<string, readonly string[]>>;
  /** The least number of modules each folder must have shown: a check that saw nothing proves nothing. */
  readonly leastModules: Readonly<Record<string, number>>;
}

type Rule = (module: ScannedModule, settings: RuleSettings) => Finding[];
type Finding = { readonly line: number; readonly message: string };

const FACTORY = /^(create|connect|open|start)([A-Z]|$)|Store$/;

const IMPURE_GLOBALS = [
  'process',
  'Date.now',
  'new Date()',
  'Date()',
  'Math.random',
  'performance',
  'crypto',
  'console',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
];

const RULES: Readonly<Record<string, Rule>> = {
  'imports-are-literal': findComputedImports,
  'services-know-no-test': findTestImports,
  'platform-knows-no-service': findServicesInPlatform,
  'services-stay-apart': findForeignServices,
  'pure-files-stay-pure': findImpurity,
  'pure-files-are-listed': findUnlistedPureFile,
  'only-service-constructs': findConstruction,
  'only-main-touches-process': findProcessUse,
  'kit-stands-alone': findKitImports,
};

/**
 * Judges all modules of the repository by all rules.
 * @returns every violation, in the order of the modules; empty when all is well
 */
export function checkModules(modules: readonly ScannedModule[], settings: RuleSettings): Violation[] {
  const violations = modules.flatMap((module) =>
    Object.entries(RULES).flatMap(([rule, find]) =>
      find(module, settings).map((finding) => ({ rule, path: module.path, ...finding })),
    ),
  );
  return [...violations, ...findMissingPureFiles(modules, settings), ...findThinFolders(modules, settings)];
}

function findComputedImports({ path, imports }: ScannedModule): Finding[] {
  if (!path.startsWith('services/') && roomOf(path).kind !== 'kit') return [];
  return imports
    .filter(({ specifier }) => specifier === undefined)
    .map(({ line }) => ({ line, message: 'imports a computed name, which no rule can judge' }));
}

function findTestImports({ path, imports }: ScannedModule): Finding[] {
  if (!path.startsWith('services/')) return [];
  return refuse(
    path,
    imports,
    (room) => room.kind === 'test' || room.kind === 'kit',
    'nothing in services imports test',
  );
}

function findServicesInPlatform({ path, imports }: ScannedModule, settings: RuleSettings): Finding[] {
  const { kind } = roomOf(path);
  if (kind === 'rpc-server') {
    return refuse(
      path,
      imports,
      (room) => !isTest(room) && room.kind !== 'rpc-server',
      'it is a package of its own: npm and its own files',
    );
  }
  if (kind !== 'platform') return [];
  return refuse(
    path,
    imports,
    (room, target) =>
      !isTest(room) &&
      room.kind !== 'platform' &&
      !settings.neutralContracts.some((prefix) => target.startsWith(prefix)),
    'platform imports npm and neutral generated code, no business nouns',
  );
}

function findForeignServices({ path, imports }: ScannedModule): Finding[] {
  const own = roomOf(path);
  if (own.kind !== 'service' && own.kind !== 'dev') return [];
  const isOpen = (room: Room) => room.kind === 'platform' || room.kind === 'gen' || isTest(room) || isSame(room, own);
  return refuse(path, imports, (room) => !isOpen(room), 'a service imports itself, platform and generated code');
}

function findImpurity(module: ScannedModule, settings: RuleSettings): Finding[] {
  return settings.pureFiles.includes(module.path) ? listImpurities(module, settings) : [];
}

/** The list of pure files cannot be forgotten: a service's file that could be on it must be. */
function findUnlistedPureFile(module: ScannedModule, settings: RuleSettings): Finding[] {
  if (roomOf(module.path).kind !== 'service' || settings.pureFiles.includes(module.path)) return [];
  if (listImpurities(module, settings).length > 0) return [];
  return [
    { line: 0, message: 'has only pure imports: name it in pureFiles, in test/support/import-rules/settings.ts' },
  ];
}

function listImpurities({ path, imports, globals }: ScannedModule, settings: RuleSettings): Finding[] {
  const reached = imports
    .filter(
      ({ specifier }) => specifier === undefined || !isOpenToPureFile(resolveImport(specifier, path), path, settings),
    )
    .map(({ specifier, line }) => ({
      line,
      message: `imports ${specifier}; a pure file imports only pure files beside it`,
    }));
  const touched = useOncePerLine(globals, (name) => IMPURE_GLOBALS.some((impure) => isOrStartsWith(name, impure)));
  return [
    ...reached,
    ...touched.map(({ name, line }) => ({
      line,
      message: `uses ${name}; a pure file takes time, ids and settings as arguments`,
    })),
  ];
}

function isOpenToPureFile(target: Target, from: string, settings: RuleSettings): boolean {
  if (target.kind !== 'file') return false;
  if (settings.openToPureFiles.includes(target.path)) return true;
  return settings.pureFiles.includes(target.path) && posix.dirname(target.path) === posix.dirname(from);
}

function findConstruction({ path, imports }: ScannedModule, settings: RuleSettings): Finding[] {
  const name = posix.basename(path);
  if (roomOf(path).kind !== 'service' || name === 'service.ts' || name === 'main.ts') return [];
  return imports.flatMap(({ specifier, values, line }) => {
    const refused =
      specifier === undefined
        ? []
        : values.filter((value) => isFactory(value, resolveImport(specifier, path), path, settings));
    return refused.map((value) => ({ line, message: `takes ${value} from ${specifier}; only service.ts constructs` }));
  });
}

function isFactory(value: string, target: Target, from: string, settings: RuleSettings): boolean {
  if (target.kind === 'node') return false;
  if (target.kind === 'package') return settings.clientFactories[target.name]?.includes(value) ?? false;
  const room = roomOf(target.path);
  if (room.kind === 'platform') return !settings.plainFactories.includes(target.path) && FACTORY.test(value);
  return isSame(room, roomOf(from)) && target.path.endsWith('-store.ts') && FACTORY.test(value);
}

function findProcessUse({ path, imports, globals }: ScannedModule): Finding[] {
  const { kind } = roomOf(path);
  const isJudged = ['service', 'platform', 'rpc-server'].includes(kind) || path.startsWith('test/kit/command-line/');
  if (!isJudged || posix.basename(path) === 'main.ts') return [];
  const message = 'only main.ts reads the environment and signals';
  return [
    ...imports
      .filter(({ specifier }) => specifier === 'node:process' || specifier === 'process')
      .map(({ specifier, line }) => ({ line, message: `imports ${specifier}; ${message}` })),
    ...useOncePerLine(globals, (name) => isOrStartsWith(name, 'process')).map(({ name, line }) => ({
      line,
      message: `uses ${name}; ${message}`,
    })),
  ];
}

function findKitImports({ path, imports }: ScannedModule): Finding[] {
  if (roomOf(path).kind !== 'kit') return [];
  return refuse(
    path,
    imports,
    (room) => room.kind !== 'kit',
    'the kit imports npm, @touchstone/rpc-server and its own files',
  );
}

function findMissingPureFiles(modules: readonly ScannedModule[], settings: RuleSettings): Violation[] {
  const seen = new Set(modules.map(({ path }) => path));
  return [...settings.pureFiles, ...settings.openToPureFiles, ...settings.plainFactories]
    .filter((path) => !seen.has(path))
    .map((path) => ({
      rule: 'named-files-exist',
      path,
      line: 0,
      message: 'is named in settings.ts and does not exist',
    }));
}

function findThinFolders(modules: readonly ScannedModule[], settings: RuleSettings): Violation[] {
  return Object.entries(settings.leastModules).flatMap(([folder, least]) => {
    const count = modules.filter(({ path }) => path.startsWith(`${folder}/`)).length;
    if (count >= least) return [];
    return [
      {
        rule: 'enough-was-seen',
        path: folder,
        line: 0,
        message: `shows ${count} modules; at least ${least} were expected`,
      },
    ];
  });
}

/** Refuses imports of files by the room they reach. Packages and Node's own modules are not files. */
function refuse(
  from: string,
  imports: readonly ModuleImport[],
  isRefused: (room: Room, target: string) => boolean,
  reason: string,
): Finding[] {
  return imports.flatMap(({ specifier, line }) => {
    if (specifier === undefined) return [];
    const target = resolveImport(specifier, from);
    if (target.kind !== 'file' || !isRefused(roomOf(target.path), target.path)) return [];
    return [{ line, message: `imports ${specifier}; ${reason}` }];
  });
}

function useOncePerLine(globals: readonly GlobalUse[], isMeant: (name: string) => boolean): GlobalUse[] {
  const byLine = new Map<number, GlobalUse>();
  for (const use of globals) {
    if (isMeant(use.name) && !byLine.has(use.line)) byLine.set(use.line, use);
  }
  return [...byLine.values()];
}

function isOrStartsWith(name: string, global: string): boolean {
  return name === global || name.startsWith(`${global}.`);
}

/** Has a rule of its own, so that one import is refused once. */
function isTest(room: Room): boolean {
  return room.kind === 'test' || room.kind === 'kit';
}

function isSame(left: Room, right: Room): boolean {
  if (left.kind === 'service' && right.kind === 'service') return left.service === right.service;
  return left.kind === right.kind;
}
