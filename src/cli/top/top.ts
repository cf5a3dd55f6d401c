/**
 * `flm top`: a live view of engines, queue and running requests over the whole terminal, in which a request can be cancelled.
 * Without a terminal it prints the state once.
 */
import type { Command } from 'commander';
import { FlmError } from '../../core/errors.ts';
import { type ProxyDocument, proxyDocument } from '../../core/proxy/proxy-document.ts';
import { runningRequestDocument } from '../../core/proxy/request-document.ts';
import { action, type Cli, leaf, type Session } from '../command.ts';
import { messageForPeople } from '../i18n/error-texts.ts';
import { t } from '../i18n/texts.ts';
import type { FullScreen } from '../terminal/full-screen.ts';
import { printable } from '../terminal/layout.ts';
import { LiveView } from './live-view.ts';
import { topScreen } from './top-screen.ts';

const texts = t.top;

/** How often the states of engines are asked for. Requests arrive as they change. */
const statusMs = 1_000;
const oftenestDrawMs = 100;

export function topCommand(cli: Cli): Command {
  return leaf('top', texts.help.top, 'flm top\nflm top --json')
    .addHelpText('after', `\n${texts.help.after}`)
    .action(
      action(cli, async (session) => {
        const { terminal, signal } = session;
        const proxies = await proxiesOf(session);
        if (session.json) {
          const requests = (await session.flm.requests.list()).map(runningRequestDocument);
          return terminal.out(JSON.stringify({ proxies, requests }));
        }
        const live = new LiveView();
        live.setProxies(proxies);
        if (terminal.canFillScreen) return new Top(session, live).run(signal);
        const nowMs = session.flm.machine.clock.nowMs();
        live.apply({ running: await session.flm.requests.list(), gone: [], ended: [] }, nowMs);
        const size = { columns: terminal.columns, rows: 1_000 };
        const lines = topScreen(live.view(nowMs), size, terminal).slice(0, -1);
        terminal.out(
          lines
            .map((line) => line.trimEnd())
            .join('\n')
            .trimEnd(),
        );
      }),
    );
}

async function proxiesOf({ flm }: Session): Promise<readonly ProxyDocument[]> {
  const views = await flm.proxies.status();
  return views.flatMap((view) => ('status' in view ? [proxyDocument(view, view.status.url)] : []));
}

class Top {
  readonly #session: Session;
  readonly #live: LiveView;
  readonly #ended = new AbortController();
  #screen: FullScreen | undefined;
  #drawIsDue = false;

  constructor(session: Session, live: LiveView) {
    this.#session = session;
    this.#live = live;
  }

  /** Resolves when the user leaves or the signal aborts; the terminal is then as before. */
  async run(signal: AbortSignal): Promise<void> {
    const { flm, terminal } = this.#session;
    const { clock } = flm.machine;
    const until = AbortSignal.any([signal, this.#ended.signal]);
    const screen = terminal.fullScreen({
      onKey: (key) => this.#take(key),
      onResize: () => this.#draw(),
    });
    this.#screen = screen;
    let failure: { readonly error: unknown } | undefined;
    const fail = (error: unknown): void => {
      failure ??= { error };
      this.#ended.abort();
    };
    const stopTicking = clock.every(statusMs, () => void this.#ask(until).catch(fail));
    try {
      this.#draw();
      for await (const changes of flm.requests.watch(until)) {
        this.#live.apply(changes, clock.nowMs());
        this.#drawSoon();
      }
    } catch (error) {
      fail(error);
    } finally {
      stopTicking();
      this.#ended.abort();
      screen.close();
    }
    if (failure !== undefined) throw failure.error;
  }

  async #ask(until: AbortSignal): Promise<void> {
    try {
      this.#live.setProxies(await proxiesOf(this.#session));
    } catch (error) {
      // The database may be locked for a moment; the last state stays.
      if (!(error instanceof FlmError)) throw error;
    }
    if (!until.aborted) this.#draw();
  }

  /** Many changes in a short time are drawn once. */
  #drawSoon(): void {
    if (this.#drawIsDue) return;
    this.#drawIsDue = true;
    this.#session.flm.machine.clock.after(oftenestDrawMs, () => {
      this.#drawIsDue = false;
      this.#draw();
    });
  }

  #draw(): void {
    const screen = this.#screen;
    if (screen === undefined) return;
    const view = this.#live.view(this.#session.flm.machine.clock.nowMs());
    screen.draw(topScreen(view, screen, this.#session.terminal));
  }

  #take(key: string): void {
    const nowMs = this.#session.flm.machine.clock.nowMs();
    const { asked } = this.#live;
    if (key === 'ctrl-c') return this.#ended.abort();
    this.#live.asked = undefined;
    this.#live.message = undefined;
    if (asked !== undefined) {
      if (key === 'y') void this.#cancel(asked.id, asked.keyLabel);
      else this.#live.message = texts.kept;
      return this.#draw();
    }
    switch (key) {
      case 'q':
      case 'escape':
      case 'ctrl-d':
        return this.#ended.abort();
      case 'up':
      case 'k':
        this.#live.move(-1, nowMs);
        break;
      case 'down':
      case 'j':
        this.#live.move(1, nowMs);
        break;
      case 'c': {
        const request = this.#live.selected(nowMs);
        if (request === undefined) break;
        this.#live.asked = request;
        const model = printable(request.model ?? request.route);
        this.#live.message = texts.confirm(printable(request.keyLabel), model);
        break;
      }
      default:
    }
    this.#draw();
  }

  async #cancel(id: string, label: string): Promise<void> {
    const { requests, machine } = this.#session.flm;
    try {
      const found = await requests.cancel(id, `cli:${machine.userName()}`);
      this.#live.message = found === undefined ? texts.hasEnded : texts.cancelled(printable(label));
    } catch (error) {
      this.#live.message = texts.failed(printable(messageForPeople(error)));
    }
    this.#draw();
  }
}
