// The capture of one exchange while it runs, in the form in which the recording keeps it.

import { type DescMessage, type DescMethod, fromBinary, type Message, type Registry } from '@bufbuild/protobuf';
import type { ConnectError, HandlerContext } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { nameOf } from '../base/rpc-name.ts';
import { readDeadlineMs } from '../contract/deadline.ts';
import type { CallObserver } from '../forwarding/forward-call.ts';
import { relayedOf } from '../forwarding/relayed-headers.ts';
import { formOf } from '../forwarding/upstream.ts';
import type { NewExchange, RecordedDetail, RecordedFailure, RecordedHeaders, RecordedMessage } from './exchange.ts';
import type { FieldRules } from './field-rules.ts';
import type { HeaderRules } from './header-rules.ts';
import type { RecordingLog } from './recording-log.ts';
import { recordMessage } from './redaction.ts';

/** Options that all captures of a recorder share. */
export type CaptureOptions = {
  readonly log: RecordingLog;
  readonly registry: Registry;
  readonly fields: FieldRules;
  readonly keeps: FieldRules;
  readonly headers: HeaderRules;
  readonly redactsErrorMessages: boolean;
};

/** Captures one exchange. It never fails the call: what cannot be recorded is reported to the log. */
export class Capture implements CallObserver {
  readonly #options: CaptureOptions;
  readonly #method: DescMethod;
  readonly #startedAt = new Date();
  readonly #startedMs = performance.now();
  readonly #beginning: Pick<NewExchange, 'rpc' | 'protocol' | 'codec' | 'deadlineMs'>;
  readonly #requestHeaders: RecordedHeaders;
  readonly #requests: RecordedMessage[] = [];
  readonly #responses: RecordedMessage[] = [];
  #responseHeaders: RecordedHeaders = {};
  #trailers: RecordedHeaders = {};
  #reservedBytes = 0;
  #isOver = false;

  constructor(method: DescMethod, context: HandlerContext, options: CaptureOptions) {
    this.#options = options;
    this.#method = method;
    const { protocol, codec } = formOf(context);
    const deadlineMs = readDeadlineMs(context.requestHeader);
    this.#beginning = { rpc: nameOf(method), protocol, codec, ...(deadlineMs !== undefined && { deadlineMs }) };
    this.#requestHeaders = options.headers.record(relayedOf(context.requestHeader));
  }

  request(message: Message): void {
    this.#capture(this.#method.input, message, this.#requests);
  }

  response(message: Message): void {
    this.#capture(this.#method.output, message, this.#responses);
  }

  responseHeaders(headers: Headers): void {
    this.#responseHeaders = this.#options.headers.record(relayedOf(headers));
  }

  trailers(trailers: Headers): void {
    this.#trailers = this.#options.headers.record(relayedOf(trailers));
  }

  /** Records that the service answered completely. */
  end(): void {
    this.#write({});
  }

  /** Records that the service answered with an error. */
  fail(error: ConnectError, trailers: Headers): void {
    this.trailers(trailers);
    this.#attempt(() => this.#write({ error: this.#recordFailure(error) }));
  }

  /** Records that the exchange ended without an end from the service. Has no effect after `end` or `fail`. */
  breakOff(reason: string): void {
    this.#write({ brokenOff: reason });
  }

  #capture(desc: DescMessage, message: Message, messages: RecordedMessage[]): void {
    if (this.#isOver) return;
    this.#attempt(() => {
      const { fields, keeps, registry, log } = this.#options;
      const recorded = { ...recordMessage(desc, message, fields, registry, keeps), atMs: this.#elapsedMs() };
      const bytes = Buffer.byteLength(JSON.stringify(recorded));
      if (!log.reserve(bytes)) {
        this.#finish();
        log.skip(nameOf(this.#method));
        return;
      }
      this.#reservedBytes += bytes;
      messages.push(recorded);
      for (const lost of recorded.lost ?? []) log.report(`${nameOf(this.#method)}: not recorded: ${lost}`);
    });
  }

  #write({ error, brokenOff }: { error?: RecordedFailure; brokenOff?: string }): void {
    if (this.#isOver) return;
    this.#finish();
    this.#options.log.append({
      ...this.#beginning,
      startedAt: this.#startedAt.toISOString(),
      durationMs: this.#elapsedMs(),
      request: { headers: this.#requestHeaders, messages: this.#requests },
      response: {
        headers: this.#responseHeaders,
        messages: this.#responses,
        trailers: this.#trailers,
        ...(error && { error }),
      },
      ...(brokenOff !== undefined && { brokenOff }),
    });
  }

  #elapsedMs(): number {
    return Math.round(performance.now() - this.#startedMs);
  }

  #recordFailure({ code, rawMessage, details }: ConnectError): RecordedFailure {
    const { redactsErrorMessages } = this.#options;
    return {
      code: codeToString(code),
      message: redactsErrorMessages ? { redacted: true } : rawMessage,
      details: details.flatMap((detail) => ('type' in detail ? [this.#recordDetail(detail.type, detail.value)] : [])),
    };
  }

  #recordDetail(type: string, value: Uint8Array): RecordedDetail {
    const { registry, fields, keeps, log } = this.#options;
    const desc = registry.getMessage(type);
    try {
      if (desc) return { type, ...recordMessage(desc, fromBinary(desc, value), fields, registry, keeps) };
    } catch {
      // Bytes that are not such a message are reported like those of an unknown type.
    }
    log.report(`${nameOf(this.#method)}: not recorded: an error detail of type ${type}, which cannot be read`);
    return { type };
  }

  // A message that JSON cannot represent is missing from the recording, but the call itself must not fail.
  #attempt(record: () => void): void {
    try {
      record();
    } catch {
      // The message of the error is not used: it may contain the value, which may be a secret.
      this.#finish();
      this.#options.log.skipUnrecordable(
        `${nameOf(this.#method)}: not recorded: a message has a value that JSON cannot represent`,
      );
    }
  }

  #finish(): void {
    this.#isOver = true;
    this.#options.log.release(this.#reservedBytes);
    this.#reservedBytes = 0;
  }
}
