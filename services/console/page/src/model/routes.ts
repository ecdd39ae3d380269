// The addresses of the page: each view and each order has one, after the `#`, so that any server of files can serve the page.

export const VIEWS = ['shop', 'orders', 'map', 'proof', 'operate', 'sales', 'contracts'] as const;
export type View = (typeof VIEWS)[number];
export type Route = { readonly view: View /** An order's id in the view of orders. */; readonly id?: string };

/** Reads what follows the address's `#`; anything unknown is the shop. */
export function parseRoute(hash: string): Route {
  const [name = '', id = ''] = hash.replace(/^#?\/?/, '').split('/');
  const view = VIEWS.find((known) => known === name) ?? 'shop';
  return view === 'orders' && id !== '' ? { view, id: decode(id) } : { view };
}

/** The address of a view or an order, `#/orders/...`. */
export function addressOf({ view, id }: Route): string {
  return id === undefined ? `#/${view}` : `#/${view}/${encodeURIComponent(id)}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A broken escape is no id either; it is looked for as it is.
    return text;
  }
}
