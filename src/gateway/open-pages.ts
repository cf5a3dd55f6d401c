/**
 * The pages that a client gets without a key, from memory. They hold nothing about this proxy.
 *
 *   files       below `/flm/`, for every client: pages of shares and of key holders
 *   dashboard   below `/flm/`, only where the admin API may be reached, so that no key is typed into an open connection
 *   root        at `/`, for a browser on loopback, or for every browser of a proxy that serves the admin API
 */
import { denyTransport } from './admin-transport.ts';
import type { Exchange } from './exchange.ts';
import type { OwnFile } from './route-handler.ts';

export interface Pages {
  /** By path. */
  readonly files: ReadonlyMap<string, OwnFile>;
  readonly dashboard: ReadonlyMap<string, OwnFile>;
  readonly root: OwnFile | undefined;
}

export const noPages: Pages = { files: new Map(), dashboard: new Map(), root: undefined };

/** The response at `/` depends on these fields. */
export const rootVaries = 'vary: Accept, Accept-Language\r\n';

export class OpenPages {
  readonly #pages: Pages;
  readonly #servesAdmin: boolean;

  constructor(pages: Pages, servesAdmin: boolean) {
    this.#pages = pages;
    this.#servesAdmin = servesAdmin;
  }

  /** Without `/`, where the request decides. */
  get paths(): readonly string[] {
    return [...this.#pages.files.keys(), ...this.#pages.dashboard.keys()];
  }

  /** For one of `paths`, and for other paths that are always open. */
  isOpen(x: Exchange): boolean {
    return !this.#pages.dashboard.has(x.path) || denyTransport(x) === undefined;
  }

  /** The file at a path below `/flm/` that this request may read. */
  find(x: Exchange): OwnFile | undefined {
    return this.#pages.files.get(x.path) ?? (this.isOpen(x) ? this.#pages.dashboard.get(x.path) : undefined);
  }

  get root(): OwnFile | undefined {
    return this.#pages.root;
  }

  /** Whether a request without any credential gets the page at `/`. */
  isRootPage({ path, peer, head }: Exchange): boolean {
    return (
      path === '/' &&
      this.#pages.root !== undefined &&
      (head.method === 'GET' || head.method === 'HEAD') &&
      (this.#servesAdmin || peer.address.loopback) &&
      acceptsHtml(head.fields.get('accept') ?? '')
    );
  }
}

/** Browsers name `text/html`. A client that accepts everything wants the answer of the API. */
function acceptsHtml(accept: string): boolean {
  return accept
    .toLowerCase()
    .split(',')
    .some((part) => {
      const [type, ...parameters] = part.split(';').map((text) => text.trim());
      return type === 'text/html' && !parameters.some((text) => /^q=0(?:\.0*)?$/.test(text));
    });
}
