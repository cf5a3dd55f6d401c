/**
 * A file of the pages, in memory. The build compressed it with Brotli; the gzip form and the plain form are made when a
 * client first asks for them. A response has an entity tag, so that a browser loads an unchanged file once.
 */
import { createHash } from 'node:crypto';
import { brotliDecompressSync, gzipSync } from 'node:zlib';

type Encoding = 'br' | 'gzip' | 'identity';

export interface StaticRequest {
  readonly headers: Readonly<{
    'accept-encoding'?: string | string[] | undefined;
    'if-none-match'?: string | undefined;
  }>;
}

export interface StaticResponse {
  readonly status: 200 | 304;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export class StaticFile {
  readonly #type: string;
  readonly #brotli: Buffer;
  readonly #tag: string;
  #plain: Buffer | undefined;
  #gzip: Buffer | undefined;

  constructor(type: string, brotli: Buffer) {
    this.#type = type;
    this.#brotli = brotli;
    this.#tag = createHash('sha256').update(brotli).digest('base64url').slice(0, 22);
  }

  /** To a GET. The response to a HEAD has the same headers. */
  response({ headers }: StaticRequest): StaticResponse {
    const encoding = encodingOf(String(headers['accept-encoding'] ?? ''));
    const etag = `"${this.#tag}-${encoding}"`;
    const common = { etag, 'cache-control': 'no-cache', vary: 'Accept-Encoding' };
    const known = headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
    if (known.includes(etag)) return { status: 304, headers: common, body: Buffer.alloc(0) };
    return {
      status: 200,
      headers: {
        ...common,
        'content-type': this.#type,
        ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
      },
      body: this.#encoded(encoding),
    };
  }

  #encoded(encoding: Encoding): Buffer {
    if (encoding === 'br') return this.#brotli;
    this.#plain ??= brotliDecompressSync(this.#brotli);
    if (encoding === 'identity') return this.#plain;
    this.#gzip ??= gzipSync(this.#plain, { level: 9 });
    return this.#gzip;
  }
}

/** The smallest form that the client accepts (RFC 9110, section 12.5.3). */
function encodingOf(accepted: string): Encoding {
  const names = accepted
    .toLowerCase()
    .split(',')
    .map((part) => part.trim())
    .filter((part) => !/;\s*q=0(?:\.0*)?$/.test(part))
    .map((part) => part.split(';')[0]?.trim());
  if (names.includes('br')) return 'br';
  return names.includes('gzip') ? 'gzip' : 'identity';
}
