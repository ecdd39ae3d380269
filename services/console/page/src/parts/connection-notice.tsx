// Says that the console cannot be reached, and, for a while, that it can be reached again.
import { useEffect, useRef, useState } from 'react';
import { ConsoleError } from '../console-http.ts';

const SHOWN_MS = 4_000;

/** `error` is why the session cannot be read; null while it can. */
export function ConnectionNotice({ error }: { readonly error: Error | null }) {
  const lost = error !== null;
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
        {describeLoss(error)} Trying again…
      </div>
    );
  }
  return back ? (
    <div className="notice good" role="status">
      Connected again.
    </div>
  ) : null;
}

function describeLoss(error: Error): string {
  return error instanceof ConsoleError ? `${error.message}.` : 'The console does not answer.';
}
