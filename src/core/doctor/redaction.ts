/**
 * Removes secrets from what leaves the machine in a support file: values that are known to be secret, text in the form of
 * a secret, and fields whose name promises one. It rather removes too much.
 */

const removed = '(removed)';
/** A shorter value would be removed from ordinary words. */
const minKnownLength = 6;

/** Fields whose text is never shown: credentials, and words of users and models. */
const secretFields =
  /password|passwd|passphrase|secret|token$|^token|authorization|cookie|api-?_?key$|digest|prompt$|^messages$|^content$|^body$|^query$|dnshook/i;

const forms: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, removed],
  // Keys and links of flm.
  [/\bflm[a-z]*_[0-9A-Za-z_-]{8,}/g, removed],
  // Keys of vendors: sk-..., hf_..., ghp_..., AKIA..., AIza...
  [/\b(?:sk|pk|rk|hf|gsk|xai|nvapi|ghp|gho|github_pat|glpat|xox[a-z])[-_][A-Za-z0-9_-]{8,}/g, removed],
  [/\b(?:AKIA|AIza|ya29\.)[A-Za-z0-9_-]{12,}/g, removed],
  [/\bAGE-SECRET-KEY-1[0-9A-Z]+/g, removed],
  // JSON Web Tokens.
  [/\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*/g, removed],
  [/\b(Bearer|Basic|Digest|Negotiate)\s+[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${removed}`],
  // User and password of a URL, and the values of its query.
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^/\s"'@]*@/gi, `$1${removed}@`],
  [/([?&][A-Za-z0-9_.-]{1,64}=)[^&\s"'#]+/g, `$1${removed}`],
  // NAME=VALUE and "name": "value" inside a text, and flags of commands.
  [
    /\b([\w-]*(?:password|passwd|secret|token|api[_-]?key|credential)[\w-]*["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|[^\s,;}&"']+)/gi,
    `$1${removed}`,
  ],
  [/(--?[\w-]*(?:password|secret|token|api-?key|auth)[\w-]*\s+)[^\s-]\S*/gi, `$1${removed}`],
  // Digests and keys in hex, and long random text in base64.
  [/\b[0-9a-f]{40,}\b/gi, removed],
  [
    /(?<![A-Za-z0-9_+-])(?=[A-Za-z0-9_+=-]*[A-Z])(?=[A-Za-z0-9_+=-]*[a-z])(?=[A-Za-z0-9_+=-]*\d)[A-Za-z0-9_+-]{32,}={0,2}/g,
    removed,
  ],
];

export class Redaction {
  readonly #known: readonly string[];

  /** `known`: values that must not appear, such as the keys of engines. */
  constructor(known: readonly string[]) {
    const forms = known
      .map((secret) => secret.trim())
      .filter((secret) => secret.length >= minKnownLength)
      // A URL, a log or JSON may hold the value in another spelling.
      .flatMap((secret) => [
        secret,
        encodeURIComponent(secret),
        JSON.stringify(secret).slice(1, -1),
        Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      ]);
    // The longest first: one secret may be the beginning of another.
    this.#known = [...new Set(forms)].toSorted((a, b) => b.length - a.length);
  }

  text(text: string): string {
    let rest = text;
    for (const secret of this.#known) rest = rest.replaceAll(secret, removed);
    for (const [form, replacement] of forms) rest = rest.replaceAll(form, replacement);
    return rest;
  }

  /** A copy of a JSON value without secrets. */
  value(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((one: unknown) => this.value(one));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [
        this.text(name),
        isSecretField(name, one) ? removed : this.value(one),
      ]),
    );
  }

  /** A line of a log, in JSON or not. */
  line(line: string): unknown {
    try {
      return this.value(JSON.parse(line));
    } catch {
      return this.text(line);
    }
  }
}

/** A number counts something, such as `maxTokens`; a place such as `{ from: 'file', path }` is no secret. */
function isSecretField(name: string, value: unknown): boolean {
  return secretFields.test(name) && (typeof value === 'string' || Array.isArray(value));
}
