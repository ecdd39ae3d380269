// The call tree of a processor profile: each function with the time spent in it and in what it called. Pure.
import type { CpuProfile, ProfileNode } from './inspector.ts';

export type TreeNode = {
  /** Like `runSaga order-saga.ts:118`. */
  readonly name: string;
  /** Whether it is code of this project, of a package, or of Node and V8 themselves. */
  readonly origin: 'project' | 'package' | 'runtime';
  /** In the function itself, in milliseconds. */
  readonly selfMs: number;
  /** With everything that it called. */
  readonly totalMs: number;
  /** By time, the longest first. */
  readonly children: readonly TreeNode[];
};

/** Not work: the process waited. */
const IDLE = new Set(['(idle)', '(program)']);

/** Builds the tree, without the time in which the process was idle. */
export function toCallTree(profile: CpuProfile): TreeNode {
  const selfUs = new Map<number, number>();
  for (const [index, id] of profile.samples.entries()) {
    selfUs.set(id, (selfUs.get(id) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const build = (node: ProfileNode): TreeNode => {
    const called = (node.children ?? []).flatMap((id) => byId.get(id) ?? []);
    const children = mergeEqual(called.filter(({ callFrame }) => !IDLE.has(callFrame.functionName)).map(build));
    const selfMs = (selfUs.get(node.id) ?? 0) / 1_000;
    const totalMs = children.reduce((sum, child) => sum + child.totalMs, selfMs);
    return { name: nameOf(node), origin: originOf(node), selfMs, totalMs, children };
  };
  const [root] = profile.nodes;
  if (root === undefined) throw new Error('the profile is empty');
  return build(root);
}

/** The functions with the most time in themselves, wherever they were called from. */
export function listHottest(tree: TreeNode, count: number): Pick<TreeNode, 'name' | 'origin' | 'selfMs'>[] {
  const found = new Map<string, Pick<TreeNode, 'name' | 'origin' | 'selfMs'>>();
  const visit = ({ name, origin, selfMs, children }: TreeNode): void => {
    found.set(name, { name, origin, selfMs: (found.get(name)?.selfMs ?? 0) + selfMs });
    for (const child of children) visit(child);
  };
  visit(tree);
  return [...found.values()].toSorted((one, other) => other.selfMs - one.selfMs).slice(0, count);
}

// V8 has a node for each place of a call and each optimized version of a function.
function mergeEqual(nodes: readonly TreeNode[]): TreeNode[] {
  const merged = new Map<string, TreeNode>();
  for (const node of nodes) {
    const known = merged.get(node.name);
    merged.set(
      node.name,
      known === undefined
        ? node
        : {
            ...known,
            selfMs: known.selfMs + node.selfMs,
            totalMs: known.totalMs + node.totalMs,
            children: mergeEqual([...known.children, ...node.children]),
          },
    );
  }
  return [...merged.values()].toSorted((one, other) => other.totalMs - one.totalMs);
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  const file = /[^/]+$/.exec(url)?.[0];
  return file === undefined ? name : `${name} ${file}:${lineNumber + 1}`;
}

function originOf({ callFrame: { url } }: ProfileNode): TreeNode['origin'] {
  if (url.includes('/node_modules/')) return 'package';
  return url.startsWith('file:') ? 'project' : 'runtime';
}
