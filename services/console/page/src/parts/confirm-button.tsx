// A button whose action is asked about before it is done.
import { useRef, useState } from 'react';
import { describeFailure } from './notice.tsx';

export type ConfirmButtonProps = {
  readonly label: string;
  readonly question: string;
  /** What will happen, in a sentence. */
  readonly consequence: string;
  readonly action: () => Promise<unknown>;
  readonly tone?: 'plain' | 'danger';
};

/** Opens a dialog; the action is done by its second button. */
export function ConfirmButton({ label, question, consequence, action, tone = 'plain' }: ConfirmButtonProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string>();
  const act = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await action();
      dialog.current?.close();
    } catch (error) {
      setFailure(describeFailure(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button type="button" className={`button small ${tone}`} onClick={() => dialog.current?.showModal()}>
        {label}
      </button>
      <dialog ref={dialog} className="dialog" aria-label={question}>
        <h2>{question}</h2>
        <p>{consequence}</p>
        {failure && (
          <p className="notice bad" role="alert">
            {failure}
          </p>
        )}
        <div className="actions end">
          <button type="button" className="button" onClick={() => dialog.current?.close()}>
            Keep it
          </button>
          <button
            type="button"
            className={`button ${tone === 'danger' ? 'danger' : 'primary'}`}
            disabled={busy}
            onClick={act}
          >
            {busy ? 'Working…' : label}
          </button>
        </div>
      </dialog>
    </>
  );
}
