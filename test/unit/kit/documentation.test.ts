// The kit's API docs are its doc comments: each name that the kit exports has one.
import { globSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Comment, type Node, parseSync } from 'oxc-parser';
import { describe, expect, it } from 'vitest';

const index = fileURLToPath(import.meta.resolve('@touchstone/kit'));

type Module = {
  readonly text: string;
  readonly body: readonly Node[];
  readonly comments: readonly Comment[];
};

type ExportedName = {
  readonly name: string;
  readonly file: string;
  readonly isType: boolean;
};

const modules = new Map<string, Module>();

function parse(file: string): Module {
  const known = modules.get(file);
  if (known) return known;
  const text = readFileSync(file, 'utf8');
  const { program, comments } = parseSync(file, text);
  const module = { text, body: program.body, comments };
  modules.set(file, module);
  return module;
}

/** Every name the kit exports and the file it is written in. Generated code has the comments of its contract. */
function listExports(): ExportedName[] {
  return parse(index)
    .body.flatMap((node) => (node.type === 'ExportNamedDeclaration' && node.source ? [node] : []))
    .filter(({ source }) => !source?.value.includes('/gen/'))
    .flatMap(({ source, specifiers, exportKind }) =>
      specifiers.map(({ exported }) => ({
        name: (exported as { name: string }).name,
        file: resolve(dirname(index), source?.value ?? ''),
        isType: exportKind === 'type',
      })),
    );
}

/** Returns the declarations of a name; a function with overloads has several. */
function declarationsOf({ name, file }: ExportedName): { outer: Node; inner: Node }[] {
  return parse(file).body.flatMap((outer) => {
    const inner = outer.type === 'ExportNamedDeclaration' ? outer.declaration : null;
    if (!inner) return [];
    const named = inner.type === 'VariableDeclaration' ? inner.declarations[0] : inner;
    const id = named && 'id' in named ? named.id : undefined;
    return id?.type === 'Identifier' && id.name === name ? [{ outer, inner }] : [];
  });
}

/** A comment for the linter may stand between the documentation and what it is of. */
function isDocumented(node: Node, { text, comments }: Module): boolean {
  const between = (end: number) => text.slice(end, node.start).replaceAll(/\/\/ biome-ignore .*/g, '');
  return comments.some(
    ({ type, value, end }) =>
      type === 'Block' && value.startsWith('*') && end < node.start && between(end).trim() === '',
  );
}

/** What a reader of the kit's READMEs reads. */
function readProse(): string {
  const folder = dirname(index);
  return globSync(['README.md', '*/README.md'], { cwd: folder })
    .map((file) => readFileSync(resolve(folder, file), 'utf8'))
    .join('\n');
}

describe('the documentation of the kit', () => {
  it('has something to say of every name that is exported', () => {
    const names = listExports();
    const silent = names.filter((exported) => {
      const module = parse(exported.file);
      return !declarationsOf(exported).some(({ outer }) => isDocumented(outer, module));
    });

    expect(names.length).toBeGreaterThan(100);
    expect(silent.map(({ name, file }) => `${name} in ${file.slice(dirname(index).length + 1)}`)).toEqual([]);
  });

  it('names every function and error in a README', () => {
    const prose = readProse();
    const values = listExports().filter(({ isType }) => !isType);

    const unnamed = values.filter(({ name }) => !new RegExp(`\\b${name}\\b`).test(prose)).map(({ name }) => name);

    expect(values.length).toBeGreaterThan(40);
    expect(unnamed).toEqual([]);
  });
});
