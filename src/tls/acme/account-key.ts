/**
 * The key of an account with a CA, and its signatures: JWS (RFC 7515) in the flattened form of RFC 8555, section 6.2.
 * It uses ES256, which every ACME server must support.
 */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';

type Json = Readonly<Record<string, unknown>>;

/** An account that the website of a CA created. */
export interface ExternalAccount {
  readonly kid: string;
  readonly key: Buffer;
}

export class AccountKey {
  readonly #key: KeyObject;
  readonly #jwk: { readonly crv: string; readonly kty: string; readonly x: string; readonly y: string };
  /** RFC 7638: the value that a challenge binds its token to. */
  readonly thumbprint: string;

  private constructor(key: KeyObject) {
    this.#key = key;
    const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' });
    if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined)
      throw new Error('an account key is of P-256');
    // The thumbprint needs the fields in the order of their names.
    this.#jwk = { crv, kty, x, y };
    this.thumbprint = createHash('sha256').update(JSON.stringify(this.#jwk)).digest('base64url');
  }

  static make(): AccountKey {
    return new AccountKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  }

  /** Undefined if the text contains no such key. */
  static read(pem: string): AccountKey | undefined {
    try {
      return new AccountKey(createPrivateKey(pem));
    } catch {
      return undefined;
    }
  }

  pem(): string {
    return this.#key.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  /** RFC 8555, section 8.1. */
  authorization(token: string): string {
    return `${token}.${this.thumbprint}`;
  }

  /** RFC 8555, section 7.3.4: the key of an account at the CA's website vouches for this key. */
  boundTo({ kid, key }: ExternalAccount, url: string): Json {
    const head = encoded(JSON.stringify({ alg: 'HS256', kid, url }));
    const payload = encoded(JSON.stringify(this.#jwk));
    const signature = createHmac('sha256', key).update(`${head}.${payload}`).digest('base64url');
    return { protected: head, payload, signature };
  }

  /** `payload` undefined means POST-as-GET. Without an account URL, the key identifies itself. */
  signed(url: string, nonce: string, accountUrl: string | undefined, payload: Json | undefined): string {
    const who = accountUrl === undefined ? { jwk: this.#jwk } : { kid: accountUrl };
    const head = encoded(JSON.stringify({ alg: 'ES256', nonce, url, ...who }));
    const body = payload === undefined ? '' : encoded(JSON.stringify(payload));
    const signature = sign('sha256', Buffer.from(`${head}.${body}`), {
      key: this.#key,
      dsaEncoding: 'ieee-p1363',
    });
    return JSON.stringify({ protected: head, payload: body, signature: signature.toString('base64url') });
  }
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64url');
}
