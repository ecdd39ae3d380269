// The address of a database: one server, or a primary with its standbys, as libpq writes it.

/** Services write, so of several servers they need the primary. */
const ACCEPTED_TARGETS = ['read-write', 'primary'];
const TARGET = 'target_session_attrs';

/**
 * Splits `postgres://user:password@one:5432,two:5432/database?target_session_attrs=read-write` into the address of each server.
 * Returns undefined when one of them is none.
 */
export function splitDatabaseUrl(text: string): readonly [string, ...string[]] | undefined {
  const [, before, hosts, after] = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/s.exec(text) ?? [];
  if (before === undefined || hosts === undefined) return undefined;
  const urls = hosts.split(',').map((host) => `${before}${host}${after}`);
  if (!urls.every((url) => URL.canParse(url))) return undefined;
  const [first, ...others] = urls.map(withoutTarget);
  if (first === undefined || [first, ...others].includes('')) return undefined;
  return [first, ...others];
}

// The driver knows no such parameter. An empty text means another target.
function withoutTarget(url: string): string {
  const parsed = new URL(url);
  const target = parsed.searchParams.get(TARGET);
  if (target === null) return url;
  if (!ACCEPTED_TARGETS.includes(target)) return '';
  parsed.searchParams.delete(TARGET);
  return parsed.href;
}
