// Says that the console cannot be reached, and, for a while, that it can be reached again.
import { useEffect, useRef, useState } from 'react';

const SHOWN_MS = 4_000;

export function ConnectionNotice({ lost }: { readonly lost: boolean }) {
  const wasLost = useRef(false);
  const [back, setBack] = useState(false);
  useEffect(() => {
    const isBack = wasLost.current && !lost;
    wasLost.current = lost;
    if (!isBack) return;
    setBack(true);
    const timer = setTimeout(() => setBack(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [lost]);
  if (lost) {
    return (
      <div className="notice bad" role="alert">
        The console does not answer. Trying again…
      </div>
    );
  }
  return back ? (
    <div className="notice good" role="status">
      Connected again.
    </div>
  ) : null;
}
