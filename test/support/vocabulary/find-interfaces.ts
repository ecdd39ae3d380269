// The dialect rule for object shapes: `type`, except where a class implements the shape.

export type SourceText = { readonly path: string; readonly text: string };

export type LoneInterface = { readonly path: string; readonly line: number; readonly name: string };

/** Finds interfaces that no class among the sources implements, directly or through an interface that extends them. */
export function findLoneInterfaces(sources: readonly SourceText[]): LoneInterface[] {
  const declared = sources.flatMap(({ path, text }) =>
    text.split('\n').flatMap((raw, index) => {
      const [, name, parents = ''] = /^(?:export )?interface (\w+)(?:<[^>]*>)?(?: extends ([^{]+))?/.exec(raw) ?? [];
      return name === undefined ? [] : [{ path, line: index + 1, name, parents: wordsOf(parents) }];
    }),
  );
  const clauses = sources.flatMap(({ text }) => [...text.matchAll(/\bimplements ([^{]+)\{/g)].map(([, list]) => list));
  const implemented = new Set(clauses.flatMap((list = '') => wordsOf(list)));
  const isUsed = (name: string): boolean =>
    implemented.has(name) || declared.some((child) => child.parents.includes(name) && isUsed(child.name));
  return declared.filter(({ name }) => !isUsed(name)).map(({ path, line, name }) => ({ path, line, name }));
}

function wordsOf(text: string): string[] {
  return text.match(/\w+/g) ?? [];
}
