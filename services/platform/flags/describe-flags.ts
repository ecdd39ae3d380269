// The flags of a flagd document in words and figures, for operators.

export type FlagView = {
  readonly name: string;
  /** A flag that is not enabled is off for every subject. */
  readonly enabled: boolean;
  /** For how many percent of the subjects it is on; undefined where its rule is more than a split. */
  readonly percentage: number | undefined;
  /** Its targeting rule as JSON; empty for none. */
  readonly targeting: string;
};

/** Lists the flags of a valid document, by name. */
export function describeFlags(document: string): FlagView[] {
  const { flags } = JSON.parse(document) as { flags?: Record<string, Flag> };
  return Object.entries(flags ?? {})
    .map(([name, flag]) => describeFlag(name, flag))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

type Flag = {
  readonly state: string;
  readonly variants: Readonly<Record<string, unknown>>;
  readonly defaultVariant?: string | null;
  readonly targeting?: object;
};

function describeFlag(name: string, flag: Flag): FlagView {
  const { state, targeting } = flag;
  const hasRule = targeting !== undefined && Object.keys(targeting).length > 0;
  const enabled = state === 'ENABLED';
  return {
    name,
    enabled,
    percentage: enabled ? shareOf(flag, hasRule) : 0,
    targeting: hasRule ? JSON.stringify(targeting) : '',
  };
}

function shareOf({ variants, defaultVariant, targeting }: Flag, hasRule: boolean): number | undefined {
  if (!hasRule) return isOn(variants, defaultVariant) ? 100 : 0;
  const parts = splitOf(targeting);
  if (parts === undefined) return undefined;
  const total = parts.reduce((sum, { weight }) => sum + weight, 0);
  const on = parts.reduce((sum, { variant, weight }) => sum + (isOn(variants, variant) ? weight : 0), 0);
  return total > 0 ? (on / total) * 100 : undefined;
}

function isOn(variants: Flag['variants'], variant: string | null | undefined): boolean {
  return variants[variant ?? ''] === true;
}

type Part = { readonly variant: string; readonly weight: number };

/** The parts of `{ "fractional": [["on", 10], ["off", 90]] }`; a first element may say what subjects are told apart by. */
function splitOf(targeting: object | undefined): Part[] | undefined {
  const entries = Object.entries(targeting ?? {});
  const [operator, operands] = entries[0] ?? [];
  if (entries.length !== 1 || operator !== 'fractional' || !Array.isArray(operands)) return undefined;
  const parts = operands.slice(Array.isArray(operands[0]) ? 0 : 1).map(partOf);
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

function partOf(operand: unknown): Part | undefined {
  if (!Array.isArray(operand)) return undefined;
  const [variant, weight = 1] = operand as unknown[];
  return typeof variant === 'string' && typeof weight === 'number' ? { variant, weight } : undefined;
}
