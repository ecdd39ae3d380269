// The import rules. Each rule checks one scanned module and returns its violations; settings.ts names the files it refers to.
import { posix } from 'node:path';
import { type Area, areaOf, resolveImport, type Target } from './resolve-import.ts';
import type { GlobalUse, ModuleImport, ScannedModule } from './scan-module.ts';

export type Violation = {
  readonly rule: string;
  readonly path: string;
  /** 0 for a violation of the whole file or repository. */
  readonly line: number;
  readonly message: string;
};

export type RuleSettings = {
  /** Files without side effects. */
  readonly pureFiles: readonly string[];
  /** Modules that pure files may import, in addition to pure files in the same folder. */
  readonly openToPureFiles: readonly string[];
  /** Generated code without business nouns, which the platform may use: path prefixes. */
  readonly neutralContracts: readonly string[];
  /** Platform modules whose factories create plain values, which every file may call. */
  readonly plainFactories: readonly string[];
  /** npm packages, each with the exports that open connections or start processes. */
  readonly clientFactories: Readonly<Record<string, readonly string[]>>;
  /** The layers of services/platform, lowest first: a layer imports only itself and layers before it. */
  readonly platformLayers: readonly string[];
  /** The most TypeScript files a folder may hold, by path prefix; the longest matching prefix counts. */
  readonly mostFiles: Readonly<Record<string, number>>;
  /** Below these paths, folders may not import each other in a cycle. */
  readonly acyclicFolders: readonly string[];
  /** The minimum number of modules scanned in each folder: a check that scanned nothing would pass. */
  readonly leastModules: Readonly<Record<string, number>>;
};

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
  'layers-point-down': findUpwardImports,
};

/**
 * Checks all modules of the repository against all rules.
 * @returns every violation, in the order of the modules
 */
export function checkModules(modules: readonly ScannedModule[], settings: RuleSettings): Violation[] {
  const violations = modules.flatMap((module) =>
    Object.entries(RULES).flatMap(([rule, find]) =>
      find(module, settings).map((finding) => ({ rule, path: module.path, ...finding })),
    ),
  );
  return [
    ...violations,
    ...findMissingPureFiles(modules, settings),
    ...findThinFolders(modules, settings),
    ...findCrowdedFolders(modules, settings),
    ...findFolderCycles(modules, settings),
  ];
}

function findComputedImports({ path, imports }: ScannedModule): Finding[] {
  if (!/^(services|packages|local)\//.test(path)) return [];
  return imports
    .filter(({ specifier }) => specifier === undefined)
    .map(({ line }) => ({ line, message: 'imports a computed name, which no rule can judge' }));
}

function findTestImports({ path, imports }: ScannedModule): Finding[] {
  if (!/^(services|local|packages\/rpc-server)\//.test(path)) return [];
  return refuse(path, imports, isTest, 'production code imports neither test nor the kit');
}

function findServicesInPlatform({ path, imports }: ScannedModule, settings: RuleSettings): Finding[] {
  const { kind } = areaOf(path);
  if (kind === 'rpc-server') {
    return refuse(
      path,
      imports,
      (area) => !isTest(area) && area.kind !== 'rpc-server',
      'it is a package of its own: npm and its own files',
    );
  }
  if (kind !== 'platform') return [];
  return refuse(
    path,
    imports,
    (area, target) =>
      !isTest(area) &&
      area.kind !== 'platform' &&
      area.kind !== 'rpc-server' &&
      !settings.neutralContracts.some((prefix) => target.startsWith(prefix)),
    'platform imports npm and neutral generated code, no business nouns',
  );
}

function findForeignServices({ path, imports }: ScannedModule): Finding[] {
  const own = areaOf(path);
  if (own.kind !== 'service' && own.kind !== 'local') return [];
  const isOpen = (area: Area) =>
    ['domain', 'platform', 'rpc-server', 'gen'].includes(area.kind) || isTest(area) || isSame(area, own);
  return refuse(path, imports, (area) => !isOpen(area), 'a service imports itself, platform and generated code');
}

function findImpurity(module: ScannedModule, settings: RuleSettings): Finding[] {
  return settings.pureFiles.includes(module.path) ? listImpurities(module, settings) : [];
}

/** Requires a service's file that could be on the list of pure files to be on it; otherwise the list would go stale. */
function findUnlistedPureFile(module: ScannedModule, settings: RuleSettings): Finding[] {
  if (areaOf(module.path).kind !== 'service' || settings.pureFiles.includes(module.path)) return [];
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
  if (areaOf(path).kind !== 'service' || name === 'service.ts' || name === 'main.ts') return [];
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
  const area = areaOf(target.path);
  if (area.kind === 'rpc-server') return FACTORY.test(value);
  if (area.kind === 'platform') return !settings.plainFactories.includes(target.path) && FACTORY.test(value);
  return isSame(area, areaOf(from)) && target.path.endsWith('-store.ts') && FACTORY.test(value);
}

function findProcessUse({ path, imports, globals }: ScannedModule): Finding[] {
  const { kind } = areaOf(path);
  const isJudged =
    ['service', 'platform', 'rpc-server'].includes(kind) || path.startsWith('packages/kit/command-line/');
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
  if (areaOf(path).kind !== 'kit') return [];
  return refuse(
    path,
    imports,
    (area) => area.kind !== 'kit',
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

function findUpwardImports({ path, imports }: ScannedModule, settings: RuleSettings): Finding[] {
  const own = layerOf(path);
  if (own === undefined) return [];
  const allowed = settings.platformLayers.slice(0, settings.platformLayers.indexOf(own) + 1);
  if (!allowed.includes(own)) return [{ line: 0, message: `is in ${own}, which is no layer in settings.ts` }];
  return refuse(
    path,
    imports,
    (_area, target) => {
      const layer = layerOf(target);
      return layer !== undefined && !allowed.includes(layer);
    },
    `the layer ${own} imports only ${allowed.join(', ')}`,
  );
}

function layerOf(path: string): string | undefined {
  return /^services\/platform\/([^/]+)\//.exec(path)?.[1];
}

function findCrowdedFolders(modules: readonly ScannedModule[], settings: RuleSettings): Violation[] {
  const counts = new Map<string, number>();
  for (const { path } of modules) {
    const folder = posix.dirname(path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].flatMap(([folder, count]) => {
    const [, most] = Object.entries(settings.mostFiles)
      .filter(([prefix]) => isInside(folder, prefix))
      .sort(([left], [right]) => right.length - left.length)[0] ?? [undefined, Infinity];
    if (count <= most) return [];
    const message = `holds ${count} files; at most ${most}: give some of them a folder of their own`;
    return [{ rule: 'folders-stay-small', path: folder, line: 0, message }];
  });
}

function findFolderCycles(modules: readonly ScannedModule[], settings: RuleSettings): Violation[] {
  const imports = new Map<string, Set<string>>();
  for (const { path, imports: found } of modules) {
    const folder = posix.dirname(path);
    if (!settings.acyclicFolders.some((prefix) => isInside(folder, prefix))) continue;
    const targets = imports.get(folder) ?? new Set<string>();
    imports.set(folder, targets);
    for (const { specifier } of found) {
      const target = specifier === undefined ? undefined : resolveImport(specifier, path);
      if (target?.kind === 'file' && posix.dirname(target.path) !== folder) targets.add(posix.dirname(target.path));
    }
  }
  return [...imports.keys()].sort().flatMap((folder) => {
    const cycle = findPath(folder, folder, imports);
    // Each cycle is reported once, at the first of its folders.
    if (cycle === undefined || cycle.some((other) => other < folder)) return [];
    const message = `is in an import cycle: ${[folder, ...cycle].join(' -> ')}`;
    return [{ rule: 'no-folder-cycles', path: folder, line: 0, message }];
  });
}

/** The shortest import path from one folder to another, without the first folder; undefined when there is none. */
function findPath(from: string, to: string, imports: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const previous = new Map<string, string>();
  const queue = [from];
  for (let folder = queue.shift(); folder !== undefined; folder = queue.shift()) {
    for (const next of imports.get(folder) ?? []) {
      if (previous.has(next)) continue;
      previous.set(next, folder);
      if (next !== to) {
        queue.push(next);
        continue;
      }
      const path = [to];
      for (let step = folder; step !== from; step = previous.get(step) ?? from) path.unshift(step);
      return path;
    }
  }
  return undefined;
}

function isInside(folder: string, prefix: string): boolean {
  return folder === prefix || folder.startsWith(`${prefix}/`);
}

/** Reports imports of files by the area of their target. npm packages and Node's modules are not files. */
function refuse(
  from: string,
  imports: readonly ModuleImport[],
  isRefused: (area: Area, target: string) => boolean,
  reason: string,
): Finding[] {
  return imports.flatMap(({ specifier, line }) => {
    if (specifier === undefined) return [];
    const target = resolveImport(specifier, from);
    if (target.kind !== 'file' || !isRefused(areaOf(target.path), target.path)) return [];
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

/** Excluded from other rules: it has its own, so that one import is reported once. */
function isTest(area: Area): boolean {
  return area.kind === 'test' || area.kind === 'kit';
}

function isSame(left: Area, right: Area): boolean {
  if (left.kind === 'service' && right.kind === 'service') return left.service === right.service;
  return left.kind === right.kind;
}
