// The frame of a table that may be wider than the page, and is then scrolled in itself.
import type { ReactNode } from 'react';

export type TableFrameProps = {
  /** What the table holds, for those who hear the page. */
  readonly label: string;
  readonly children: ReactNode;
};

export function TableFrame({ label, children }: TableFrameProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what can be scrolled must be reachable by keyboard.
    <section className="table-frame" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
