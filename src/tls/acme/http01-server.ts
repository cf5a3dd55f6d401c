/**
 * The plain port beside an HTTPS proxy: shows proofs of http-01 (RFC 8555, section 8.3) and sends people to HTTPS. It
 * takes no key, reads no body, forwards nothing, and answers one request a connection.
 *
 *   /.well-known/acme-challenge/TOKEN   the proof, where that token is being proved
 *   GET, HEAD of one of our hosts       308 to the same place by HTTPS
 *   anything that carries a key         403; the key crossed the network in plain text, and is told by its id
 */
import type { Socket } from 'node:net';
import type { Clock, Unsubscribe } from '../../core/clock.ts';
import type { ChallengeProof, Prover } from './prover.ts';

export interface Http01ServerDeps {
  readonly clock: Clock;
  readonly domains: readonly string[];
  /** The port that the CA must come in by, for people. */
  readonly port: number;
  /** Of HTTPS, as others reach it. */
  readonly securePort: () => number;
  /** A key came in plain text. */
  readonly exposed: (secret: string | undefined, client: string) => void;
}

interface Guest {
  readonly socket: Socket;
  deadlineMs: number;
  bytes: string;
}

const maxHeadBytes = 16 * 1024;
const headMs = 5_000;
const lingerMs = 2_000;
const sweepMs = 1_000;
const maxGuests = 256;
const challengePath = '/.well-known/acme-challenge/';
const carriesKey =
  /\r\n(?:authorization|proxy-authorization|x-api-key|api-key|cookie)[ \t]*:[ \t]*([^\r\n]*)/i;
const keyPattern = /flm_[A-Za-z0-9]{20,120}/;

export class Http01Server implements Prover {
  readonly type = 'http-01';
  readonly #deps: Http01ServerDeps;
  readonly #proofs = new Map<string, ChallengeProof>();
  readonly #guests = new Set<Guest>();
  readonly #stopSweeping: Unsubscribe;

  constructor(deps: Http01ServerDeps) {
    this.#deps = deps;
    this.#stopSweeping = deps.clock.every(sweepMs, () => this.#sweep());
  }

  fix(domain: string): string {
    return `the address records of ${domain} lead to this machine, and that port 80 there reaches port ${this.#deps.port} here`;
  }

  show(proof: ChallengeProof): Promise<() => Promise<void>> {
    this.#proofs.set(proof.token, proof);
    return Promise.resolve(() => {
      this.#proofs.delete(proof.token);
      return Promise.resolve();
    });
  }

  /** Takes a connection from the listener. */
  accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    // The oldest goes: whoever holds connections open must not keep the CA out.
    const [oldest] = this.#guests.size >= maxGuests ? this.#guests : [];
    if (oldest !== undefined) this.#guests.delete(oldest);
    oldest?.socket.destroy();
    const guest: Guest = { socket, deadlineMs: this.#deps.clock.monotonicMs() + headMs, bytes: '' };
    this.#guests.add(guest);
    socket.once('close', () => this.#guests.delete(guest));
    const look = (chunk: Buffer): void => {
      guest.bytes += chunk.toString('latin1');
      const end = guest.bytes.indexOf('\r\n\r\n');
      if (end < 0 && guest.bytes.length <= maxHeadBytes) return;
      socket.off('data', look);
      socket.end(
        end < 0
          ? answer('431 Request Header Fields Too Large', 'The head is too long.')
          : this.#answer(guest, end),
        'latin1',
      );
      // A body may still be on its way; closing over it would take the answer along.
      socket.resume();
      guest.deadlineMs = this.#deps.clock.monotonicMs() + lingerMs;
    };
    socket.on('data', look);
    socket.once('end', () => {
      if (!guest.bytes.includes('\r\n\r\n')) socket.destroy();
    });
  }

  close(): void {
    this.#stopSweeping();
    for (const { socket } of this.#guests) socket.destroy();
    this.#guests.clear();
  }

  #answer(guest: Guest, end: number): string {
    const head = guest.bytes.slice(0, end + 2);
    const [, method, target] = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.[01]\r\n/.exec(head) ?? [];
    if (method === undefined || target === undefined) return answer('400 Bad Request', 'This is no request.');
    const credential = carriesKey.exec(head)?.[1];
    const secret = keyPattern.exec(head)?.[0];
    if (credential !== undefined || secret !== undefined) {
      this.#deps.exposed(secret, guest.socket.remoteAddress ?? 'unknown');
      return answer(
        '403 Forbidden',
        'This port takes no key, and the one that you sent could be read on the way. Replace it (flm key rotate), and use https.',
      );
    }
    const hosts = [...head.matchAll(/\r\nhost:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)/gi)].map((m) => m[1] as string);
    const host =
      hosts.length === 1 ? /^([a-z0-9.-]+?)\.?(?::\d{1,5})?$/i.exec(hosts[0] as string)?.[1] : undefined;
    const name = host?.toLowerCase();
    // The answer to DNS rebinding, and what keeps strangers' names out of our redirects.
    if (name === undefined || !this.#answersFor(name))
      return answer('421 Misdirected Request', 'This host is none of ours.');
    if (method !== 'GET' && method !== 'HEAD')
      return answer('405 Method Not Allowed', 'Use https.', ['allow: GET, HEAD']);
    if (target.startsWith(challengePath)) {
      const proof = this.#proofs.get(target.slice(challengePath.length));
      return proof === undefined || proof.domain !== name
        ? answer('404 Not Found', 'Nothing is being proved by this token.')
        : answer('200 OK', proof.authorization, [], method);
    }
    const port = this.#deps.securePort();
    return answer(
      '308 Permanent Redirect',
      'Use https.',
      [`location: https://${name}${port === 443 ? '' : `:${port}`}${target}`],
      method,
    );
  }

  #answersFor(name: string): boolean {
    const parent = name.slice(name.indexOf('.') + 1);
    return this.#deps.domains.some((domain) => domain === name || domain === `*.${parent}`);
  }

  #sweep(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    for (const { socket, deadlineMs } of this.#guests) if (nowMs >= deadlineMs) socket.destroy();
  }
}

function answer(status: string, text: string, fields: readonly string[] = [], method = 'GET'): string {
  const lines = [
    `HTTP/1.1 ${status}`,
    'content-type: text/plain',
    'x-content-type-options: nosniff',
    'cache-control: no-store',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
    ...fields,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : text}`;
}
