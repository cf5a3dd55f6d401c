/**
 * Waits until a share is redeemed and the new key has sent a request that an engine answered, and prints both. Prints
 * refused requests of the key, so that the friend can be helped.
 */
import type { ProxyHandle, RequestLine } from '../../core/proxy/proxy-handle.ts';
import type { Share } from '../../core/security/share.ts';
import { shareDocument } from '../../core/security/share-document.ts';
import type { Session } from '../command.ts';
import { messageForPeople } from '../i18n/error-texts.ts';
import { t } from '../i18n/texts.ts';
import { printable } from '../terminal/layout.ts';
import { requestDocument } from '../views/request-view.ts';
import { successText, troubleText } from './connect-wait.ts';

const texts = t.share;

const lookMs = 500;

/** A wait that sees every request from now on. */
export interface ShareWait {
  /** Resolves on success, on Ctrl-C, and when the share is over without a key. Rejects if the store cannot be read. */
  until(): Promise<void>;
  close(): void;
}

/** Call it before the link is shown, so that no request is missed. */
export async function openShareWait(session: Session, share: Share): Promise<ShareWait> {
  const { flm, signal } = session;
  const done = new AbortController();
  const over = AbortSignal.any([signal, done.signal]);
  const wait = new Wait(session, share.id, () => done.abort());
  const handles = (await flm.proxies.list()).filter((handle) => !handle.draining);
  await Promise.all(handles.map((handle) => follow(session, handle, over, wait)));
  return {
    async until() {
      const cancel = flm.machine.clock.every(lookMs, () => void wait.look());
      try {
        await Promise.race([abortOf(over), wait.failed]);
      } finally {
        cancel();
      }
    },
    close: () => done.abort(),
  };
}

/** Resolves when requests of the proxy arrive here, or cannot. */
function follow(session: Session, handle: ProxyHandle, over: AbortSignal, wait: Wait): Promise<void> {
  const opened = Promise.withResolvers<void>();
  const read = async (): Promise<void> => {
    try {
      const lines = session.flm.control(handle).tail(over, opened.resolve);
      for await (const line of lines) await wait.request(line, handle.id);
    } catch (error) {
      // The proxy ended, or does not answer. The store still tells when the key is made.
      if (!over.aborted) session.terminal.talk(messageForPeople(error));
    } finally {
      opened.resolve();
    }
  };
  // It never rejects, and ends with `over`.
  void read();
  return opened.promise;
}

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}

class Wait {
  readonly #session: Session;
  readonly #id: string;
  readonly #finish: () => void;
  readonly #failed = Promise.withResolvers<never>();
  #keyId: string | undefined;

  constructor(session: Session, id: string, finish: () => void) {
    this.#session = session;
    this.#id = id;
    this.#finish = finish;
  }

  /** Rejects if the store cannot be read. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Reads the share, and prints a change once. */
  async look(): Promise<void> {
    if (this.#keyId !== undefined) return;
    const { flm, terminal, json } = this.#session;
    try {
      const share = await flm.sharesFor().find(this.#id);
      const document = share === undefined ? undefined : shareDocument(share, flm.machine.clock.nowMs());
      if (document === undefined || document.state === 'expired' || document.state === 'revoked') {
        terminal.talk(texts.over(document === undefined ? texts.deleted : texts.states[document.state]));
        this.#session.cli.exit = 1;
        return this.#finish();
      }
      const { keyId, redeemedFrom } = document;
      // Another call of this function may have been faster.
      if (keyId === null || this.#keyId !== undefined) return;
      this.#keyId = keyId;
      if (json) terminal.out(JSON.stringify(document));
      else
        terminal.out(
          `${terminal.paint('green', texts.keyMade)}: ${texts.keyMadeFor(keyId, printable(redeemedFrom ?? ''))}`,
        );
      terminal.talk(texts.waitingForAnswer);
    } catch (error) {
      this.#failed.reject(error);
    }
  }

  async request(line: RequestLine, proxy: string): Promise<void> {
    if (line.keyId === null || line.model === null) return;
    await this.look();
    if (line.keyId !== this.#keyId) return;
    const { terminal, json } = this.#session;
    if (line.ending === 'refused' || line.status >= 400)
      return terminal.talk(`${terminal.paint('yellow', '!')} ${troubleText(line)}`);
    if (json) terminal.out(JSON.stringify({ request: requestDocument(line, proxy) }));
    else terminal.out(`${terminal.paint('green', texts.testWorks)}: ${successText(line)}`);
    this.#finish();
  }
}
