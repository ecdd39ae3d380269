// The parser of one direction of an HTTP/1.1 connection: it finds where each message begins and ends, and does not change bytes.

export type MessagePart = {
  readonly kind: 'head' | 'body';
  readonly bytes: Buffer;
  /** Whether the message ends with this part. */
  readonly isLast: boolean;
  /** The first line of a head. */
  readonly startLine?: string;
};

type Head = {
  readonly startLine: string;
  readonly status: number | undefined;
  readonly length: number | undefined;
  readonly isChunked: boolean;
};

type State =
  | { readonly name: 'head' }
  | { readonly name: 'length' | 'chunk-data'; left: number }
  | { readonly name: 'chunk-size' | 'trailers' }
  | { readonly name: 'endless' };

type MessageReaderOptions = {
  readonly side: 'request' | 'response';
  /** Called once for each response, at its final head; returns whether the request (HEAD) rules out a body. */
  readonly isBodiless?: () => boolean;
};

const MAX_HEAD_BYTES = 1 << 18;
const HEAD_END = Buffer.from('\r\n\r\n', 'latin1');
const LINE_END = Buffer.from('\r\n', 'latin1');

/** After a message that it cannot parse, it returns all further bytes as one endless body. */
export class MessageReader {
  readonly #options: MessageReaderOptions;
  #state: State = { name: 'head' };
  #rest: Buffer = Buffer.alloc(0);

  constructor(options: MessageReaderOptions) {
    this.#options = options;
  }

  /** How many bytes of an incomplete head or line it holds. */
  get heldBytes(): number {
    return this.#rest.length;
  }

  /** Whether it is in the middle of a message. */
  get isInMessage(): boolean {
    return this.#state.name !== 'head' || this.#rest.length > 0;
  }

  /** Takes the next bytes and returns the parts they complete. Parts of a body are returned as they arrive. */
  push(chunk: Buffer): MessagePart[] {
    const parts: MessagePart[] = [];
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    while (bytes.length > 0) {
      const part = this.#next(bytes);
      if (part === undefined) break;
      parts.push(part);
      bytes = bytes.subarray(part.bytes.length);
    }
    this.#rest = bytes;
    return parts;
  }

  /** Treats everything from here on as one endless body, because another protocol follows. */
  passThrough(): void {
    this.#state = { name: 'endless' };
  }

  /** Returns and forgets the held bytes, because no more will follow. */
  takeRest(): Buffer {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest;
  }

  #next(bytes: Buffer): MessagePart | undefined {
    switch (this.#state.name) {
      case 'head':
        return this.#readHead(bytes);
      case 'length':
        return this.#readCounted(bytes, this.#state, (left) => (left > 0 ? 'more' : 'end'));
      case 'chunk-data':
        return this.#readCounted(bytes, this.#state, (left) => (left > 0 ? 'more' : 'chunk-size'));
      case 'chunk-size':
        return this.#readChunkSize(bytes);
      case 'trailers':
        return this.#readTrailer(bytes);
      case 'endless':
        return { kind: 'body', bytes, isLast: false };
    }
  }

  #readHead(bytes: Buffer): MessagePart | undefined {
    const end = bytes.indexOf(HEAD_END);
    if (end < 0 && bytes.length <= MAX_HEAD_BYTES) return undefined;
    const head = end < 0 ? undefined : parseHead(bytes.toString('latin1', 0, end), this.#options.side);
    if (head === undefined) {
      this.passThrough();
      return { kind: 'body', bytes, isLast: false };
    }
    const part = { kind: 'head', bytes: bytes.subarray(0, end + HEAD_END.length), startLine: head.startLine } as const;
    if (head.status !== undefined && head.status < 200 && head.status !== 101) {
      // An interim response (1xx): the real one follows.
      return { ...part, isLast: false };
    }
    this.#state = this.#stateAfter(head);
    return { ...part, isLast: this.#state.name === 'head' };
  }

  #stateAfter({ status, length, isChunked }: Head): State {
    if (status === 101) return { name: 'endless' };
    if (status !== undefined) {
      if (this.#options.isBodiless?.() || status === 204 || status === 304) return { name: 'head' };
      if (!isChunked && length === undefined) return { name: 'endless' };
    }
    if (isChunked) return { name: 'chunk-size' };
    return length === undefined || length === 0 ? { name: 'head' } : { name: 'length', left: length };
  }

  #readCounted(
    bytes: Buffer,
    state: { left: number },
    then: (left: number) => 'more' | 'end' | 'chunk-size',
  ): MessagePart {
    const taken = bytes.subarray(0, state.left);
    state.left -= taken.length;
    const next = then(state.left);
    if (next === 'end') this.#state = { name: 'head' };
    if (next === 'chunk-size') this.#state = { name: 'chunk-size' };
    return { kind: 'body', bytes: taken, isLast: next === 'end' };
  }

  #readChunkSize(bytes: Buffer): MessagePart | undefined {
    const line = readLine(bytes);
    if (line === undefined) return this.#waitForLine(bytes);
    const [digits = ''] = line.toString('latin1').trim().split(';', 1);
    const size = /^[0-9a-f]{1,12}$/i.test(digits.trim()) ? Number.parseInt(digits, 16) : undefined;
    if (size === undefined) this.passThrough();
    else if (size === 0) this.#state = { name: 'trailers' };
    // The line break after a chunk's data is counted as data.
    else this.#state = { name: 'chunk-data', left: size + LINE_END.length };
    return { kind: 'body', bytes: line, isLast: false };
  }

  #readTrailer(bytes: Buffer): MessagePart | undefined {
    const line = readLine(bytes);
    if (line === undefined) return this.#waitForLine(bytes);
    const isLast = line.length === LINE_END.length;
    if (isLast) this.#state = { name: 'head' };
    return { kind: 'body', bytes: line, isLast };
  }

  #waitForLine(bytes: Buffer): MessagePart | undefined {
    if (bytes.length <= MAX_HEAD_BYTES) return undefined;
    this.passThrough();
    return { kind: 'body', bytes, isLast: false };
  }
}

function readLine(bytes: Buffer): Buffer | undefined {
  const end = bytes.indexOf(LINE_END);
  return end < 0 ? undefined : bytes.subarray(0, end + LINE_END.length);
}

function parseHead(text: string, side: 'request' | 'response'): Head | undefined {
  const [startLine = '', ...lines] = text.split('\r\n');
  const pattern = side === 'request' ? /^[A-Z]+ \S+ HTTP\/1\.[01]$/ : /^HTTP\/1\.[01] (\d{3})/;
  const match = pattern.exec(startLine);
  if (match === null) return undefined;
  const headers = new Map(lines.map(readField));
  const length = headers.get('content-length');
  if (length !== undefined && !/^\d+$/.test(length)) return undefined;
  return {
    startLine,
    status: match[1] === undefined ? undefined : Number(match[1]),
    length: length === undefined ? undefined : Number(length),
    isChunked: /\bchunked$/i.test(headers.get('transfer-encoding') ?? ''),
  };
}

function readField(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
