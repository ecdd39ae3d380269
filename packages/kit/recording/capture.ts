// One exchange while it runs: takes in what passes, in the form in which it will be written.

import { type DescMessage, type DescMethod, fromBinary, type Message, type Registry } from '@bufbuild/protobuf';
import type { ConnectError, HandlerContext } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { nameOf } from '../base/rpc-name.ts';
import { readDeadlineMs } from '../contract/deadline.ts';
import type { NewExchange, RecordedDetail, RecordedFailure, RecordedHeaders, RecordedMessage } from './exchange.ts';
import type { FieldRules } from './field-rules.ts';
import type { HeaderRules } from './header-rules.ts';
import type { RecordingLog } from './recording-log.ts';
import { recordMessage } from './redaction.ts';
import { relayedOf } from './relayed-headers.ts';
import { formOf } from './upstream.ts';

/** What all captures of a recorder share. */
export interface CaptureOptions {
  readonly log: RecordingLog;
  readonly registry: Registry;
  readonly fields: FieldRules;
  readonly headers: HeaderRules;
  readonly redactsErrorMessages: boolean;
}

/** Takes in one exchange. Nothing it does can fail the call: what cannot be recorded is told to the log. */
export class Capture {
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
  #claimed = 0;
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
    this.#take(this.#method.input, message, this.#requests);
  }

  response(message: Message): void {
    this.#take(this.#method.output, message, this.#responses);
  }

  responseHeaders(headers: Headers): void {
    this.#responseHeaders = this.#options.headers.record(relayedOf(headers));
  }

  trailers(trailers: Headers): void {
    this.#trailers = this.#options.headers.record(relayedOf(trailers));
  }

  /** The service has answered to the end. */
  end(): void {
    this.#write({});
  }

  /** The service has answered an error. */
  fail(error: ConnectError, trailers: Headers): void {
    this.trailers(trailers);
    this.#attempt(() => this.#write({ error: this.#recordFailure(error) }));
  }

  /** The exchange is over without an end that the service gave it; does nothing when it had one. */
  breakOff(reason: string): void {
    this.#write({ brokenOff: reason });
  }

  #take(desc: DescMessage, message: Message, messages: RecordedMessage[]): void {
    if (this.#isOver) return;
    this.#attempt(() => {
      const { fields, registry, log } = this.#options;
      const recorded = recordMessage(desc, message, fields, registry);
      const bytes = Buffer.byteLength(JSON.stringify(recorded));
      if (!log.claim(bytes)) {
        this.#finish();
        log.lose(nameOf(this.#method));
        return;
      }
      this.#claimed += bytes;
      messages.push(recorded);
      for (const lost of recorded.lost ?? []) log.note(`${nameOf(this.#method)}: not recorded: ${lost}`);
    });
  }

  #write({ error, brokenOff }: { error?: RecordedFailure; brokenOff?: string }): void {
    if (this.#isOver) return;
    this.#finish();
    this.#options.log.append({
      ...this.#beginning,
      startedAt: this.#startedAt.toISOString(),
      durationMs: Math.round(performance.now() - this.#startedMs),
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

  #recordFailure({ code, rawMessage, details }: ConnectError): RecordedFailure {
    const { redactsErrorMessages } = this.#options;
    return {
      code: codeToString(code),
      message: redactsErrorMessages ? { redacted: true } : rawMessage,
      details: details.flatMap((detail) => ('type' in detail ? [this.#recordDetail(detail.type, detail.value)] : [])),
    };
  }

  #recordDetail(type: string, value: Uint8Array): RecordedDetail {
    const { registry, fields, log } = this.#options;
    const desc = registry.getMessage(type);
    try {
      if (desc) return { type, ...recordMessage(desc, fromBinary(desc, value), fields, registry) };
    } catch {
      // Bytes that are no such message are told as those of an unknown type are.
    }
    log.note(`${nameOf(this.#method)}: not recorded: a detail of an error that is ${type}, which cannot be read`);
    return { type };
  }

  // A message that JSON cannot hold is the recording's loss, not the caller's.
  #attempt(record: () => void): void {
    try {
      record();
    } catch {
      // The error itself may hold the value, and the value be a secret.
      this.#finish();
      this.#options.log.drop(`${nameOf(this.#method)}: not recorded: a message has a value that JSON cannot hold`);
    }
  }

  #finish(): void {
    this.#isOver = true;
    this.#options.log.release(this.#claimed);
    this.#claimed = 0;
  }
}
