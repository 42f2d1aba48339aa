/** JSON as it is written, and not as it is read: a member may come twice, a name may be spelled with escapes, a number be any text. */
export type Tree = { readonly kind: "object"; members: Member[] } | { readonly kind: "list"; items: Tree[] } | { readonly kind: "raw"; text: string };

export interface Member {
  /** With its quotes. */
  name: string;
  value: Tree;
}

export const raw = (text: string): Tree => ({ kind: "raw", text });

export function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: "list", items: value.map(treeOf) };
  if (typeof value !== "object" || value === null) return raw(JSON.stringify(value));
  return { kind: "object", members: Object.entries(value).map(([name, inner]) => ({ name: JSON.stringify(name), value: treeOf(inner) })) };
}

export function textOf(tree: Tree): string {
  if (tree.kind === "raw") return tree.text;
  if (tree.kind === "list") return `[${tree.items.map(textOf).join(",")}]`;
  return `{${tree.members.map(({ name, value }) => `${name}:${textOf(value)}`).join(",")}}`;
}

/** Every object in a tree, the outermost first. */
export function objectsIn(tree: Tree): Extract<Tree, { kind: "object" }>[] {
  if (tree.kind === "raw") return [];
  if (tree.kind === "list") return tree.items.flatMap(objectsIn);
  return [tree, ...tree.members.flatMap(({ value }) => objectsIn(value))];
}
