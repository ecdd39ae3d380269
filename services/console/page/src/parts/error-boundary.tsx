// Keeps the frame of the page when a view cannot be drawn.
import { Component, type ReactNode } from 'react';
import { Failure } from './notice.tsx';

type Props = { readonly children: ReactNode };
type State = { readonly error: unknown };

/** Shows the error of what is inside it, until it is tried again. React has no hook for this. */
export class ErrorBoundary extends Component<Props, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return <Failure error={error} onRetry={() => this.setState({ error: undefined })} />;
  }
}
