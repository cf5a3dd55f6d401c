/**
 * The origins of web pages that may send requests: exact origins of any scheme, because desktop apps and extensions have
 * their own schemes, and web origins with a wildcard for the first label of the host.
 *
 *   https://app.example.org         that origin
 *   app://obsidian.md               that origin
 *   https://*.example.org:8443      https://a.example.org:8443, but neither example.org nor a.b.example.org
 *
 * An origin is compared as browsers serialise it (RFC 6454, section 6.1). Sandboxed pages, files and redirects have the
 * origin `null`. It is not a valid rule and matches none. The same holds for `file://`, which names no host.
 */
const wildcard = /^(https?:\/\/)\*\.(.+)$/;
/** One label of a host name as browsers write it: lower case, punycode. */
const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

export function isOriginRule(text: string): boolean {
  const match = wildcard.exec(text);
  if (match === null) return isOrigin(text);
  const [, scheme = '', rest = ''] = match;
  // At least two labels must remain: `*.org` would match far too many hosts.
  return !rest.includes('*') && /^[^:/]+\.[^:/]+/.test(rest) && isOrigin(scheme + rest);
}

/**
 * A scheme that is not in the URL standard, a host and perhaps a port. Such hosts keep their case: the origin is
 * compared exactly as the program sends it.
 */
const ownScheme =
  /^[a-z][a-z0-9+.-]*:\/\/(?:[A-Za-z0-9](?:[A-Za-z0-9._~-]*[A-Za-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9]\d{0,4})?$/;
/** Schemes whose documents have an opaque origin, which browsers send as `null`. */
const opaqueSchemes: ReadonlySet<string> = new Set(['file:', 'data:', 'blob:', 'about:', 'javascript:']);

/** Scheme, host and optional port exactly as browsers serialise them. */
function isOrigin(text: string): boolean {
  if (text.includes('*') || !URL.canParse(text)) return false;
  const url = new URL(text);
  if (opaqueSchemes.has(url.protocol)) return false;
  // The origin, for a scheme that the URL standard knows; for other schemes this is `null`.
  return url.origin === 'null' ? ownScheme.test(text) : url.origin === text;
}

/** A compiled list. An empty one allows nothing. */
export class OriginRules {
  readonly #exact: ReadonlySet<string>;
  /** `https://` and the rest of the host after its first label. */
  readonly #wild: ReadonlySet<string>;

  /** `rules` are validated. */
  constructor(rules: readonly string[]) {
    this.#exact = new Set(rules.filter((r) => !r.includes('*')));
    this.#wild = new Set(rules.filter((r) => r.includes('*')).map((r) => r.replace('*.', '')));
  }

  get empty(): boolean {
    return this.#exact.size === 0 && this.#wild.size === 0;
  }

  allows(origin: string): boolean {
    if (this.#exact.has(origin)) return true;
    if (this.#wild.size === 0) return false;
    const from = origin.indexOf('://') + 3;
    const dot = origin.indexOf('.', from);
    if (from < 3 || dot < 0 || !label.test(origin.slice(from, dot))) return false;
    return this.#wild.has(origin.slice(0, from) + origin.slice(dot + 1));
  }
}
