// What the console's page uses of the services, read from its sources by the type checker: which RPCs it calls, which fields it reads and
// sends, which enum values it names. The generated code says of each declaration what it was generated from.
//
// A function of the page that takes a part of a message declares it, as "The part of shop.common.v1.Money that is read."
import { fileURLToPath } from 'node:url';
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import { API, type Checker, type NodeHandle, type Project, type Symbol as TypeSymbol } from 'typescript/unstable/sync';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = `${ROOT}services/console/page/`;
const GENERATED = '/gen/shop/';

const FIELD = /@generated from field: [^;]*?(\w+) = \d+( \[[^\]]*\])?;/;
const VALUE = /@generated from enum value: (\w+) = \d+;/;
const RPC = /@generated from rpc ([\w.]+)/;
const OWNER = /@generated from (?:message|enum) ([\w.]+)/;
const PART = /the part of (shop[\w.]+) that is (read|sent)/gi;
const INIT = /MessageInit<(?:Message<"([\w.]+)">|(\w+))>/;

/** Names as in the contract. */
export type PageUsage = {
  /** `shop.order.v1.OrderService.GetOrder`. */
  readonly calls: ReadonlySet<string>;
  /** `shop.order.v1.Order.order_id`. */
  readonly reads: ReadonlySet<string>;
  /** Types by their short names, because a literal's type has no other, and fields as in the code: `GetOrderRequest.orderId`. */
  readonly sends: ReadonlySet<string>;
  /** `shop.order.v1.OrderStatus.ORDER_STATUS_PENDING`. */
  readonly values: ReadonlySet<string>;
};

/** Reads the sources of the page. */
export function readPageUsage(): PageUsage {
  const api = new API({ cwd: ROOT });
  try {
    const [project] = api.updateSnapshot({ openProjects: [`${PAGE}tsconfig.json`] }).getProjects();
    if (project === undefined) throw new Error('the page has no project');
    const usage = {
      calls: new Set<string>(),
      reads: new Set<string>(),
      sends: new Set<string>(),
      values: new Set<string>(),
    };
    for (const name of project.program.getSourceFileNames().filter((file) => file.startsWith(`${PAGE}src/`))) {
      const source = project.program.getSourceFile(name);
      if (source !== undefined) readFile(source, project, usage);
    }
    return usage;
  } finally {
    api.close();
  }
}

type Found = { readonly [Kind in keyof PageUsage]: Set<string> };

function readFile(source: SourceFile, project: Project, found: Found): void {
  const nodes = listNodes(source);
  const identifiers = nodes.filter(({ kind }) => kind === SyntaxKind.Identifier);
  const named = project.checker.getSymbolAtLocation(identifiers);
  const destructured = nodes
    .filter(({ kind }) => kind === SyntaxKind.ObjectBindingPattern)
    .flatMap((pattern) => propertiesOf(pattern, project.checker));
  for (const symbol of [...named, ...destructured]) {
    for (const declaration of symbol?.declarations ?? []) addDeclaration(declaration, project, found);
  }
  for (const node of nodes) {
    if (node.kind === SyntaxKind.ObjectLiteralExpression) addSent(node, source, project.checker, found);
    if (node.kind === SyntaxKind.TypeAliasDeclaration) addPart(node, source, found);
  }
}

function listNodes(root: Node): Node[] {
  const nodes: Node[] = [];
  const visit = (node: Node): void => {
    nodes.push(node);
    node.forEachChild((child) => {
      visit(child);
      return undefined;
    });
  };
  visit(root);
  return nodes;
}

/** The properties that a pattern such as `{ orderId, status: known }` reads. */
function propertiesOf(pattern: Node, checker: Checker): (TypeSymbol | undefined)[] {
  const type = checker.getTypeAtLocation(pattern);
  if (type === undefined) return [];
  return (pattern as unknown as { elements: { name: Node; propertyName?: Node }[] }).elements.map(
    ({ name, propertyName = name }) => checker.getPropertyOfType(type, propertyName.getText()),
  );
}

function addDeclaration(handle: NodeHandle, project: Project, found: Found): void {
  if (!handle.path.includes(GENERATED)) return;
  const node = handle.resolve(project);
  if (node === undefined) return;
  const text = commentOf(node);
  const rpc = RPC.exec(text)?.[1];
  if (rpc !== undefined) found.calls.add(rpc);
  const member = FIELD.exec(text)?.[1];
  if (member !== undefined) found.reads.add(`${ownerOf(node)}.${member}`);
  const value = VALUE.exec(text)?.[1];
  if (value !== undefined) found.values.add(`${ownerOf(node)}.${value}`);
}

/** The comment before a node. */
function commentOf(node: Node): string {
  return node.getSourceFile().text.slice(node.pos, node.getStart());
}

function ownerOf(node: Node): string {
  for (let at: Node | undefined = node.parent; at !== undefined; at = at.parent) {
    const owner = at.kind === SyntaxKind.SourceFile ? undefined : OWNER.exec(commentOf(at))?.[1];
    if (owner !== undefined) return owner;
  }
  throw new Error(`${node.getText()} belongs to no message or enum`);
}

function addSent(literal: Node, source: SourceFile, checker: Checker, found: Found): void {
  const type = checker.getContextualType(literal as never);
  const [, full, short = full?.split('.').at(-1)] =
    INIT.exec(type === undefined ? '' : checker.typeToString(type)) ?? [];
  if (short === undefined) return;
  for (const property of (literal as unknown as { properties: { name?: Node }[] }).properties) {
    const name = property.name?.getText(source);
    if (name !== undefined) found.sends.add(`${short}.${name}`);
  }
}

function addPart(alias: Node, source: SourceFile, found: Found): void {
  const { type } = alias as unknown as { type: Node };
  for (const [, owner = '', use] of source.text.slice(alias.pos, alias.getStart(source)).matchAll(PART)) {
    type.forEachChild((member) => {
      const name = (member as unknown as { name?: Node }).name?.getText(source);
      if (name === undefined) return undefined;
      if (use === 'sent') found.sends.add(`${owner.split('.').at(-1)}.${name}`);
      else found.reads.add(`${owner}.${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`);
      return undefined;
    });
  }
}
