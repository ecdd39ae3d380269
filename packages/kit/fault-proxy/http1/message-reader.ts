// Cuts one direction of an HTTP/1.1 connection into messages: where each begins and ends. The bytes stay as they are.

export interface MessagePart {
  readonly kind: 'head' | 'body';
  readonly bytes: Buffer;
  /** Whether the message ends with it. */
  readonly isLast: boolean;
  /** Of a head: its first line. */
  readonly startLine?: string;
}

interface Head {
  readonly startLine: string;
  readonly status: number | undefined;
  readonly length: number | undefined;
  readonly isChunked: boolean;
}

type State =
  | { readonly name: 'head' }
  | { readonly name: 'length' | 'chunk-data'; left: number }
  | { readonly name: 'chunk-size' | 'trailers' }
  | { readonly name: 'endless' };

interface MessageReaderOptions {
  readonly side: 'request' | 'response';
  /** Tells, when a response's head has come, whether its request rules out a body. */
  readonly isBodiless?: () => boolean;
}

const longestHeadBytes = 1 << 18;
const headEnd = Buffer.from('\r\n\r\n', 'latin1');
const lineEnd = Buffer.from('\r\n', 'latin1');

/** Once a message cannot be understood, everything that follows is one body without end. */
export class MessageReader {
  readonly #options: MessageReaderOptions;
  #state: State = { name: 'head' };
  #rest: Buffer = Buffer.alloc(0);

  constructor(options: MessageReaderOptions) {
    this.#options = options;
  }

  /** How many bytes wait for more. */
  get heldBytes(): number {
    return this.#rest.length;
  }

  /** Whether a message has begun and not ended. */
  get isInMessage(): boolean {
    return this.#state.name !== 'head' || this.#rest.length > 0;
  }

  /** Takes the next bytes and returns the parts they make; parts of a body do not wait for it to be whole. */
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

  /** Everything from here on is one body without end: another protocol begins. */
  giveUp(): void {
    this.#state = { name: 'endless' };
  }

  /** Takes back the bytes that wait: there will be no more. */
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
    const end = bytes.indexOf(headEnd);
    if (end < 0 && bytes.length <= longestHeadBytes) return undefined;
    const head = end < 0 ? undefined : parseHead(bytes.toString('latin1', 0, end), this.#options.side);
    if (head === undefined) {
      this.giveUp();
      return { kind: 'body', bytes, isLast: false };
    }
    const part = { kind: 'head', bytes: bytes.subarray(0, end + headEnd.length), startLine: head.startLine } as const;
    if (head.status !== undefined && head.status < 200 && head.status !== 101) {
      // It only announces another one.
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
    if (size === undefined) this.giveUp();
    else if (size === 0) this.#state = { name: 'trailers' };
    // The line break after a chunk's data counts as its data.
    else this.#state = { name: 'chunk-data', left: size + lineEnd.length };
    return { kind: 'body', bytes: line, isLast: false };
  }

  #readTrailer(bytes: Buffer): MessagePart | undefined {
    const line = readLine(bytes);
    if (line === undefined) return this.#waitForLine(bytes);
    const isLast = line.length === lineEnd.length;
    if (isLast) this.#state = { name: 'head' };
    return { kind: 'body', bytes: line, isLast };
  }

  #waitForLine(bytes: Buffer): MessagePart | undefined {
    if (bytes.length <= longestHeadBytes) return undefined;
    this.giveUp();
    return { kind: 'body', bytes, isLast: false };
  }
}

function readLine(bytes: Buffer): Buffer | undefined {
  const end = bytes.indexOf(lineEnd);
  return end < 0 ? undefined : bytes.subarray(0, end + lineEnd.length);
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
