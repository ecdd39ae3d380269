// The scan of one TypeScript module for the import rules: its imports of any form, and the globals it uses.
import { type Node, parseSync, visitorKeys } from 'oxc-parser';

export type ModuleImport = {
  /** As written, e.g. `../platform/errors.ts`; undefined when it is computed. */
  readonly specifier: string | undefined;
  /** Names taken as values: exported names, `default`, or `*` for all of it. Empty for types and bare imports. */
  readonly values: readonly string[];
  readonly line: number;
};

export type GlobalUse = {
  /** E.g. `process`, `Date.now`, or `new Date()`. */
  readonly name: string;
  readonly line: number;
};

export type ScannedModule = {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly imports: readonly ModuleImport[];
  readonly globals: readonly GlobalUse[];
};

/**
 * Scans a module's source.
 * @param path from the repository's root, with forward slashes
 * @throws {Error} naming the file, when the source does not parse
 */
export function scanModule(path: string, source: string): ScannedModule {
  const { program, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const lineOf = createLineIndex(source);
  const imports: ModuleImport[] = [];
  const globals: GlobalUse[] = [];
  walk(program, { parent: undefined, key: '', parameters: [] }, (node, place) => {
    const found = readImport(node);
    if (found) imports.push({ ...found, line: lineOf(node.start) });
    const name = readGlobal(node, place);
    if (name) globals.push({ name, line: lineOf(node.start) });
  });
  return { path, imports, globals };
}

/** The context of a node: its parent, its role there, and the parameters of the enclosing functions. */
type Place = {
  readonly parent: Node | undefined;
  readonly key: string;
  readonly parameters: readonly string[];
};

function walk(node: Node, place: Place, visit: (node: Node, place: Place) => void): void {
  visit(node, place);
  const parameters =
    'params' in node && Array.isArray(node.params)
      ? [...place.parameters, ...node.params.flatMap(nameOf)]
      : place.parameters;
  for (const key of visitorKeys[node.type] ?? []) {
    const child = (node as unknown as Record<string, Node | (Node | null)[] | null>)[key];
    for (const each of Array.isArray(child) ? child : [child]) {
      if (each) walk(each, { parent: node, key, parameters }, visit);
    }
  }
}

function nameOf(parameter: Node): string[] {
  if (parameter.type === 'Identifier') return [parameter.name];
  return parameter.type === 'AssignmentPattern' ? nameOf(parameter.left) : [];
}

function readImport(node: Node): Omit<ModuleImport, 'line'> | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
      return {
        specifier: node.source.value,
        values: node.importKind === 'type' ? [] : node.specifiers.flatMap(importedName),
      };
    case 'ExportAllDeclaration':
      return { specifier: node.source.value, values: node.exportKind === 'type' ? [] : ['*'] };
    case 'ExportNamedDeclaration':
      if (!node.source) return undefined;
      return {
        specifier: node.source.value,
        values: node.exportKind === 'type' ? [] : node.specifiers.flatMap(exportedName),
      };
    case 'ImportExpression':
      return { specifier: literalText(node.source), values: ['*'] };
    case 'TSImportType':
      return { specifier: literalText(node.source), values: [] };
    case 'TSExternalModuleReference':
      return { specifier: literalText(node.expression), values: ['*'] };
    case 'CallExpression': {
      if (node.callee.type !== 'Identifier' || node.callee.name !== 'require') return undefined;
      return { specifier: literalText(node.arguments[0]), values: ['*'] };
    }
    default:
      return undefined;
  }
}

function importedName(specifier: Node): string[] {
  if (specifier.type === 'ImportDefaultSpecifier') return ['default'];
  if (specifier.type === 'ImportNamespaceSpecifier') return ['*'];
  if (specifier.type !== 'ImportSpecifier' || specifier.importKind === 'type') return [];
  return [exportName(specifier.imported)];
}

function exportedName(specifier: Node): string[] {
  return specifier.type === 'ExportSpecifier' && specifier.exportKind !== 'type' ? [exportName(specifier.local)] : [];
}

function exportName(name: Node): string {
  return name.type === 'Literal' ? String(name.value) : (name as { name: string }).name;
}

function literalText(node: Node | undefined): string | undefined {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node?.type === 'TemplateLiteral' && node.expressions.length === 0)
    return node.quasis[0]?.value.cooked ?? undefined;
  return undefined;
}

/** A local variable that shadows a global counts as the global and should be renamed; a parameter does not. */
function readGlobal(node: Node, place: Place): string | undefined {
  if (node.type === 'NewExpression' && isNamed(node.callee, 'Date') && node.arguments.length === 0) return 'new Date()';
  if (node.type === 'CallExpression' && isNamed(node.callee, 'Date')) return 'Date()';
  const name =
    node.type === 'MemberExpression' ? readMember(node.object, node.property, node.computed) : readName(node, place);
  return name && !place.parameters.includes(name.split('.')[0] ?? '') ? name : undefined;
}

function readName(node: Node, { parent, key }: Place): string | undefined {
  return node.type === 'Identifier' && !isOnlyAName(parent, key) ? node.name : undefined;
}

function readMember(object: Node, property: Node, computed: boolean): string | undefined {
  if (object.type !== 'Identifier' || property.type !== 'Identifier' || computed) return undefined;
  return object.name === 'globalThis' ? property.name : `${object.name}.${property.name}`;
}

/** The name of a member, of a key, or of a parameter refers to nothing global. */
function isOnlyAName(parent: Node | undefined, key: string): boolean {
  if (!parent) return false;
  if (key === 'property') return parent.type === 'MemberExpression' && !parent.computed;
  if (key === 'key') return 'computed' in parent && !parent.computed;
  if (key === 'params') return true;
  return key === 'label' || parent.type.endsWith('Specifier');
}

function isNamed(node: Node, name: string): boolean {
  return node.type === 'Identifier' && node.name === name;
}

function createLineIndex(source: string): (offset: number) => number {
  const starts = [0];
  for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1;
}
