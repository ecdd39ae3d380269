// The service that a client certificate names, by an alternative name such as `spiffe://touchstone.local/order`. Pure.

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/**
 * Returns the name of the service; undefined for a certificate that names none of this trust domain, or several.
 * @param alternativeNames As Node gives them: `URI:spiffe://touchstone.local/order, DNS:localhost`.
 */
export function serviceOf(alternativeNames: string | undefined, trustDomain: string): string | undefined {
  const prefix = `URI:spiffe://${trustDomain}/`;
  // A value with a comma or a quote is quoted by Node, so that it cannot pretend to be two.
  const named = (alternativeNames ?? '').split(', ').filter((name) => name.startsWith(prefix));
  const [uri] = named;
  if (named.length !== 1 || uri === undefined) return undefined;
  const service = uri.slice(prefix.length);
  return NAME.test(service) ? service : undefined;
}
