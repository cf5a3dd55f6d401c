/**
 * Records each request in the log, metrics, tail, list of refusals, and usage. All receive the same record, and none
 * delays a request. Events that a client without a key can cause at will are logged within a quota.
 *
 * Usage is counted as soon as a request ends, because the key's next request is judged by it, here or in another process.
 *
 * The other receivers get all requests of a turn of the event loop at its end, when the responses are sent. Otherwise their
 * code would be loaded again for each request: all code that a request runs is ten times as large as the instruction cache of
 * a core.
 */
import type { Clock } from '../core/clock.ts';
import { type ErrorCode, type ErrorParams, errorTable } from '../core/errors.ts';
import type { RequestLine } from '../core/proxy/proxy-handle.ts';
import { isOwnPath } from '../core/proxy/running-request.ts';
import type { ClientAddress } from '../core/security/address-rules.ts';
import type { AuditEntry, UsageLedger } from '../core/security/ports.ts';
import type { RequestRecorder } from '../gateway/request-recorder.ts';
import type { LogQuota } from '../observe/log-quota.ts';
import type { Logger } from '../observe/logger.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { RecentRequests } from '../observe/recent-requests.ts';
import type { Refusals } from '../observe/refusals.ts';
import type { TailHub } from '../observe/tail.ts';

export interface FanOutRecorderDeps {
  readonly logger: Logger;
  readonly quota: LogQuota;
  readonly metrics: Metrics;
  readonly tail: TailHub;
  readonly refusals: Refusals;
  readonly recent: RecentRequests;
  readonly ledger: Pick<UsageLedger, 'add'> & {
    record(entry: AuditEntry): void;
  };
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Called with an internal error of flm. */
  readonly onError: (error: unknown) => void;
  /** The key and family to which the usage of a key is charged; undefined for a key that was deleted meanwhile. */
  readonly chargedTo: (keyId: string) => ChargedTo | undefined;
  /** `proxy:ID`, for the audit. */
  readonly actor: string;
}

/** Usage rows name the key; today's tokens count for its family. */
export interface ChargedTo {
  readonly keyId: string;
  readonly familyId: string;
}

/** All temporary keys together: the usage of `flm chat`. */
export const chatUsage: ChargedTo = { keyId: 'flm-chat', familyId: 'flm-chat' };

interface Ended {
  readonly line: RequestLine;
  readonly client: ClientAddress;
  readonly params: ErrorParams | undefined;
}

export class FanOutRecorder implements RequestRecorder {
  readonly #deps: FanOutRecorderDeps;
  /** The requests that ended in this turn. */
  #ended: Ended[] = [];

  constructor(deps: FanOutRecorderDeps) {
    this.#deps = deps;
  }

  request(line: RequestLine, client: ClientAddress, params: ErrorParams | undefined): void {
    this.#ended.push({ line, client, params });
    if (this.#ended.length === 1) setImmediate(this.flush);
    try {
      this.#use(line);
    } catch (error) {
      this.#deps.onError(error);
    }
  }

  /** Records what has ended so far. Call this before the receivers close. */
  readonly flush = (): void => {
    const ended = this.#ended;
    this.#ended = [];
    for (const one of ended) {
      try {
        this.#record(one);
      } catch (error) {
        this.#deps.onError(error);
      }
    }
  };

  #record({ line, client, params }: Ended): void {
    const { logger, metrics, tail, refusals, recent } = this.#deps;
    const whole = this.#mayLogInFull(line, client);
    if (whole) logger.access(line);
    metrics.request(line);
    tail.publish(line);
    refusals.note(line, { params, whole });
    if (!isOwnPath(line.path)) recent.note(line);
  }

  malformed(client: ClientAddress, id: string, code: ErrorCode, params: ErrorParams): void {
    const { logger, metrics, refusals, quota, clock } = this.#deps;
    metrics.malformed();
    const whole = quota.ofAddress('refused', client);
    const because = params.reason === undefined ? {} : { reason: params.reason };
    if (whole)
      logger.event('info', 'connection refused before a request was read', {
        id,
        client: client.text,
        code,
        ...because,
      });
    refusals.note(neverRequested(client.text, id, code, clock.nowMs()), { params, whole });
  }

  loginRefused(client: string, throttled: boolean): void {
    const { metrics, ledger, clock, actor } = this.#deps;
    metrics.loginRefused();
    // The audit keeps a limited number of rows. Unlimited new rows would push out all older ones within minutes.
    if (throttled) return;
    ledger.record({ atMs: clock.nowMs(), actor, action: 'auth.refused', subject: client });
  }

  /** A client without a key controls how fast it sends, and so does a client whose requests are refused. */
  #mayLogInFull(line: RequestLine, client: ClientAddress): boolean {
    const refused = line.ending === 'refused';
    if (line.keyId === null) return this.#deps.quota.ofAddress(refused ? 'refused' : 'keyless', client);
    return !refused || this.#deps.quota.ofKey(line.keyId, line.keyLabel);
  }

  #use(line: RequestLine): void {
    const { keyId, model, engine } = line;
    const { ledger, chargedTo } = this.#deps;
    // Pages and their API are no work for engines.
    if (keyId === null || isOwnPath(line.path)) return;
    const account = chargedTo(keyId);
    if (account === undefined) return;
    const inputTokens = line.chargedInputTokens;
    const outputTokens = line.chargedOutputTokens;
    // Charged tokens count for every outcome of the request, also if it named no model of the catalogue.
    const answered =
      engine !== null && ((model !== null && line.status < 400) || inputTokens + outputTokens > 0);
    // Lists of models that `flm up`, `flm connect` and `flm chat` ask for. Nobody chatted.
    if (account === chatUsage && engine === null && line.ending === 'done') return;
    ledger.add({
      ...account,
      model: model ?? (answered ? unnamedModel : ''),
      engine: engine ?? '',
      inputTokens,
      outputTokens,
      estimated: line.tokensEstimated,
      atMs: line.atMs,
      address: line.client,
      ending: line.ending,
      answered,
      firstByteMs: line.firstByteMs,
      durationMs: line.durationMs,
      cachedTokens: line.cachedTokens,
      promptTokens: line.promptTokens,
    });
  }
}

/** What `flm usage` shows for requests to an engine's own API that name no model. */
const unnamedModel = 'unnamed';

/** For `flm explain`: a connection that was refused before a request could be read. */
function neverRequested(client: string, id: string, code: ErrorCode, atMs: number): RequestLine {
  return {
    id,
    atMs,
    client,
    method: '',
    path: '',
    status: errorTable[code].status,
    keyId: null,
    keyLabel: null,
    engine: null,
    model: null,
    bytesIn: 0,
    bytesOut: 0,
    firstByteMs: null,
    queuedMs: null,
    durationMs: 0,
    inputTokens: null,
    outputTokens: null,
    cachedTokens: null,
    promptTokens: null,
    chargedInputTokens: 0,
    chargedOutputTokens: 0,
    tokensEstimated: false,
    streamed: false,
    ending: 'refused',
    code,
    rule: null,
    droppedCredentials: null,
  };
}
