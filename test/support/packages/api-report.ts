// The public API of a package as text: each exported declaration, and those that it uses, from the declarations that are published.
// It is in git, so that a change of the API is seen in review, and no one changes it by accident.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { parseSync } from 'oxc-parser';

type Node = { readonly type: string; readonly start: number; readonly end: number; readonly [key: string]: unknown };

/** A name in a module: declared there, or imported from another module of the package. */
type Declaration = {
  readonly file: string;
  readonly name: string;
  /** Without doc comments. */
  readonly text: string;
};

/** Returns the report of the entry points, by the name that their users import. */
export function reportApi(root: string, entries: Readonly<Record<string, string>>): string {
  const modules = new Modules(root);
  const sections = Object.entries(entries).map(([name, file]) => {
    const exported = modules.exportsOf(resolve(root, file));
    const names = new Map([...exported].sort(([a], [b]) => (a < b ? -1 : 1)));
    const shown = new Set<Declaration>(names.values());
    const lines = [...names].map(([as, { name: own, text }]) => (as === own ? text : `${text}\n// exported as ${as}`));
    const used = modules.usedBy(shown).map(({ file: where, text }) => `// ${where}, not exported\n${text}`);
    return [`# ${name}`, ...lines, ...used].join('\n\n');
  });
  return `${sections.join('\n\n')}\n`;
}

class Modules {
  readonly #root: string;
  readonly #parsed = new Map<string, Module>();

  constructor(root: string) {
    this.#root = root;
  }

  exportsOf(file: string): Map<string, Declaration> {
    const found = new Map<string, Declaration>();
    for (const [as, { name, from }] of this.#read(file).exports) {
      const declared = this.#find(from ?? file, name);
      if (declared) found.set(as, declared);
    }
    return found;
  }

  /** The declarations of the package that these use, directly or through others. */
  usedBy(shown: ReadonlySet<Declaration>): Declaration[] {
    const all = new Set(shown);
    for (const declared of all) {
      const file = resolve(this.#root, declared.file);
      // Generated messages are known by their .proto file.
      if (file.endsWith('_pb.d.ts')) continue;
      for (const [name] of declared.text.matchAll(/[A-Za-z_$][\w$]*/g)) {
        const used = this.#find(file, name);
        if (used) all.add(used);
      }
    }
    const added = [...all].filter((declared) => !shown.has(declared));
    return added.sort((a, b) => (`${a.file} ${a.name}` < `${b.file} ${b.name}` ? -1 : 1));
  }

  #find(file: string, name: string): Declaration | undefined {
    const { declarations, imports, exports } = this.#read(file);
    const own = declarations.get(name);
    if (own) return own;
    const imported = imports.get(name) ?? exports.get(name);
    return imported?.from && imported.from !== file ? this.#find(imported.from, imported.name) : undefined;
  }

  #read(file: string): Module {
    const known = this.#parsed.get(file) ?? readModule(file, relative(this.#root, file));
    this.#parsed.set(file, known);
    return known;
  }
}

type Reference = { readonly name: string; readonly from: string | undefined };

type Module = {
  readonly declarations: ReadonlyMap<string, Declaration>;
  readonly imports: ReadonlyMap<string, Reference>;
  readonly exports: ReadonlyMap<string, Reference>;
};

function readModule(file: string, shownAs: string): Module {
  const text = readFileSync(file, 'utf8');
  const { program, comments } = parseSync(file, text);
  const declarations = new Map<string, Declaration>();
  const imports = new Map<string, Reference>();
  const exports = new Map<string, Reference>();
  const from = (node: Node): string | undefined => {
    const specifier = (node.source as { value?: string } | null)?.value ?? '';
    const path = resolve(dirname(file), specifier.replace(/\.[jt]s$/, '.d.ts'));
    return specifier.startsWith('.') && existsSync(path) ? path : undefined;
  };
  for (const node of program.body as unknown as Node[]) {
    if (node.type === 'ImportDeclaration') {
      for (const { local, imported } of node.specifiers as { local: Named; imported?: Named }[]) {
        imports.set(nameOf(local), { name: nameOf(imported ?? local), from: from(node) });
      }
    } else if (node.type === 'ExportNamedDeclaration' && !node.declaration) {
      for (const { local, exported } of node.specifiers as { local: Named; exported: Named }[]) {
        exports.set(nameOf(exported), { name: nameOf(local), from: node.source ? from(node) : file });
      }
    } else {
      const isExported = node.type === 'ExportNamedDeclaration';
      const declared = (isExported ? node.declaration : node) as Node;
      for (const name of namesOf(declared)) {
        declarations.set(name, { file: shownAs, name, text: withoutComments(text, declared, comments) });
        if (isExported) exports.set(name, { name, from: file });
      }
    }
  }
  return { declarations, imports, exports };
}

type Named = { readonly name?: string; readonly value?: string };

const nameOf = ({ name, value }: Named) => name ?? value ?? '';

function namesOf(declared: Node): string[] {
  const list =
    (declared.declarations as { id: Named }[] | undefined) ?? (declared.id ? [{ id: declared.id as Named }] : []);
  return list.map(({ id }) => nameOf(id));
}

function withoutComments(
  text: string,
  { start, end }: Node,
  comments: readonly { start: number; end: number }[],
): string {
  const within = comments.filter((comment) => comment.start >= start && comment.end <= end);
  let at = start;
  let plain = '';
  for (const comment of within) {
    plain += text.slice(at, comment.start);
    at = comment.end;
  }
  plain += text.slice(at, end);
  return plain.replace(/^\s*\n/gm, '').replaceAll(/[ \t]+$/gm, '');
}
