/**
 * The warnings of flm: what is wrong now, each with a code, a sentence that ends with the remedy, and the command that
 * fixes it or shows more. `flm proxy status` and the admin API show the same ones.
 */
import type { EngineStatus } from '../engine/directory.ts';
import { engineKind } from '../engine/kinds.ts';
import { isLoopbackAddress } from '../loopback.ts';
import type { TelemetryReading } from '../otlp/telemetry-reading.ts';
import type { LimiterReading } from '../security/limiter-reading.ts';
import type { CertificateFacts } from './certificate-provider.ts';
import type { ProxyMode } from './proxy-config.ts';
import type { ProxyHandle } from './proxy-handle.ts';
import type { ProxyView } from './proxy-service.ts';
import type { StoreReading } from './store-reading.ts';
import type { Warning, WarningCode } from './warning.ts';

/** The facts about a running proxy from which its warnings are made. */
export interface ProxyFacts {
  readonly handle: ProxyHandle;
  readonly nowMs: number;
  /** Undefined for plain HTTP; `'none yet'` before the first certificate. */
  readonly certificate: CertificateFacts | 'none yet' | undefined;
  /** Keys that can be used now. */
  readonly keys: number;
  readonly engines: readonly EngineStatus[];
  /** Saved engines that cannot be used, each with the reason. */
  readonly unusableEngines: readonly UnusableEngine[];
  /** Ids of keys that are revoked in memory alone, with the reason. */
  readonly unwrittenRevocations: Iterable<readonly [string, string]>;
  readonly storeProblem: string | undefined;
  readonly store?: StoreReading;
  /** Present where one server counts limits for all nodes. */
  readonly limiter?: LimiterReading | undefined;
  /** Present where traces or metrics are sent to another server. */
  readonly telemetry?: TelemetryReading | undefined;
  /** A sentence about scheduled backups that fail or are not made. */
  readonly backupProblem?: string | undefined;
}

export interface UnusableEngine {
  readonly id: string;
  /** Sentences: what is wrong, and what to do. */
  readonly problem: string;
}

export function warningsOfProxy(facts: ProxyFacts): readonly Warning[] {
  const { handle, nowMs, keys, engines } = facts;
  const { profile, mode } = handle;
  const certificate = facts.certificate === 'none yet' ? undefined : facts.certificate;
  const warnings: Warning[] = [];
  const add = (code: WarningCode, message: string, command: string): void => {
    warnings.push({ code, message, command });
  };
  if (handle.starting === true) {
    if (facts.certificate === 'none yet')
      add(
        'CERTIFICATE_WAITED_FOR',
        'The proxy waits for its first certificate; it ends if the CA issues none.',
        `flm proxy logs ${profile}`,
      );
    return warnings;
  }
  if (certificate?.problem !== undefined)
    add(
      'CERTIFICATE_NOT_RENEWED',
      `The certificate was not renewed: ${certificate.problem}`,
      renewalCommand(mode, profile),
    );
  const expired = expiryWarning(certificate, mode, nowMs);
  if (expired !== undefined) add('CERTIFICATE_EXPIRED', expired, renewalCommand(mode, profile));
  const clear = clearTextWarning(handle);
  if (clear !== undefined) add('CLEAR_TEXT', clear, clearTextCommand(profile));
  if (keys === 0)
    add('NO_KEY', 'No key can be used; make one: `flm key create LABEL`.', 'flm key create LABEL');
  if (engines.length === 0) warnings.push(noEngine);
  else if (engines.every((e) => e.ref.kind === 'demo'))
    add(
      'ONLY_DEMO',
      'Only the built-in demo engine answers; start a real engine, and flm uses it automatically.',
      'flm engine detect',
    );
  for (const engine of engines) {
    const { ref, exposedOn } = engine;
    if (engine.state === 'down') warnings.push(downWarning(engine));
    if (exposedOn !== undefined)
      add('ENGINE_EXPOSED', exposureWarning(ref, exposedOn), `flm engine test ${ref.id}`);
  }
  for (const { id, problem } of facts.unusableEngines)
    add('ENGINE_UNUSABLE', problem, `flm engine test ${id}`);
  for (const [key, problem] of facts.unwrittenRevocations)
    add(
      'REVOCATION_UNWRITTEN',
      `Key ${key} is revoked only in the memory of this proxy: ${problem}`,
      `flm key revoke ${key}`,
    );
  const limiter = facts.limiter === undefined ? undefined : limiterWarning(facts.limiter);
  if (facts.backupProblem !== undefined)
    add('BACKUP_OVERDUE', facts.backupProblem, 'flm backup schedule show');
  if (limiter !== undefined) add('LIMITER_AWAY', limiter, `flm proxy logs ${profile}`);
  if (facts.telemetry?.problem !== undefined)
    add(
      'TELEMETRY_NOT_SENT',
      `Telemetry cannot be sent to ${facts.telemetry.endpoint} (${facts.telemetry.problem}); start that server, or restart the proxy without --otlp.`,
      `flm proxy logs ${profile}`,
    );
  if (facts.storeProblem !== undefined) add('STORE_PROBLEM', facts.storeProblem, `flm proxy logs ${profile}`);
  const age =
    facts.store === undefined ? undefined : ageWarning(facts.store, facts.storeProblem !== undefined);
  if (age !== undefined) add('KEYS_OUTDATED', age, 'flm db status');
  return warnings;
}

/** What the age of the keys means, where it can become too high. */
function ageWarning(
  { readAtMs, maxAgeMs, isExpired }: StoreReading,
  hasProblem: boolean,
): string | undefined {
  if (readAtMs === null || maxAgeMs === null) return undefined;
  const read = new Date(readAtMs).toISOString();
  if (isExpired)
    return `Stored keys are refused, because the database was last read at ${read}; they are valid again when it answers.`;
  if (!hasProblem) return undefined;
  const until = new Date(readAtMs + maxAgeMs).toISOString();
  return `Keys and policy of ${read} stay in force until ${until}; then stored keys are refused.`;
}

function limiterWarning({ state, nodes, problem = '', outage }: LimiterReading): string | undefined {
  if (state === 'shared') return undefined;
  const server = 'The server in FLM_VALKEY_URL does not count limits';
  if (outage === 'refuse')
    return `${server} (${problem}); requests with limits are refused until it answers.`;
  const part = nodes === 1 ? 'all' : `1/${nodes}`;
  return `${server} (${problem}); this node decides alone, with ${part} of each limit, until it answers.`;
}

/** The warnings about one proxy, as its process reports them. */
export function warningsOfView(view: ProxyView): readonly Warning[] {
  const { profile } = view.handle;
  if (view.state === 'not-answering') {
    const command = `flm proxy logs ${profile}`;
    return [{ code: 'PROXY_NOT_ANSWERING', message: `It may hang. Look at its log: ${command}`, command }];
  }
  const { warnings, warningDetails } = view.status;
  // An older flm sends only sentences.
  return (
    warningDetails ??
    warnings.map((message) => ({ code: 'OTHER', message, command: `flm proxy status ${profile}` }) as const)
  );
}

/** A warning with the proxy that it is about; null where it is about none. */
export interface PlacedWarning extends Warning {
  readonly proxy: string | null;
  readonly profile: string | null;
}

/** Every warning: about each proxy, about those that ended without a stop, and that none runs. */
export function allWarnings(
  views: readonly ProxyView[],
  crashed: readonly Pick<ProxyHandle, 'id' | 'profile'>[],
): readonly PlacedWarning[] {
  const none: readonly PlacedWarning[] = views.length > 0 ? [] : [{ ...noProxy, proxy: null, profile: null }];
  return [
    ...none,
    ...crashed.map(({ id, profile }) => ({ ...crashWarning(profile), proxy: id, profile })),
    ...views.flatMap((view) =>
      warningsOfView(view).map((warning) => ({
        ...warning,
        proxy: view.handle.id,
        profile: view.handle.profile,
      })),
    ),
  ];
}

export const noProxy: Warning = {
  code: 'NO_PROXY',
  message: 'No proxy is running. Start one with `flm up`, or in the background with `flm proxy start`.',
  command: 'flm proxy start',
};

export const noEngine: Warning = {
  code: 'NO_ENGINE',
  message: 'No engine was found; start one, or add one: `flm engine add URL`.',
  command: 'flm engine add URL',
};

/** About an engine that does not answer. */
export function downWarning({ ref, note }: Pick<EngineStatus, 'ref' | 'note'>): Warning {
  const why = note === undefined ? '' : ` (${note})`;
  return {
    code: 'ENGINE_DOWN',
    message: `Engine ${ref.id} does not answer at ${ref.url}${why}; start it, flm detects it automatically.`,
    command: `flm engine test ${ref.id}`,
  };
}

/** About a proxy that ended without a stop. */
export function crashWarning(profile: string): Warning {
  const command = `flm proxy start ${profile}`;
  return {
    code: 'PROXY_CRASHED',
    message: 'It was killed (out of memory, kill -9), it failed, or the machine went down.',
    command,
  };
}

/** A warning while keys can cross a network in plain text. */
export function clearTextWarning({ mode, addresses, port, profile }: ProxyHandle): string | undefined {
  const open = addresses.filter((address) => !isLoopbackAddress(address));
  if (mode !== 'local-http' || open.length === 0) return undefined;
  return `Keys cross the network in plain text (${open.join(', ')}, port ${port}); use HTTPS: \`${clearTextCommand(profile)}\`.`;
}

function clearTextCommand(profile: string): string {
  return `flm proxy restart ${profile} --mode dev-selfsigned`;
}

/** Returns undefined if the certificate is good or there is no certificate. */
export function expiryWarning(
  certificate: Pick<CertificateFacts, 'expiresAtMs'> | undefined,
  mode: ProxyMode,
  nowMs: number,
): string | undefined {
  if (certificate === undefined || certificate.expiresAtMs > nowMs) return undefined;
  const at = new Date(certificate.expiresAtMs).toISOString();
  const next =
    mode === 'https-acme'
      ? 'ask the CA for another now: `flm cert renew`'
      : 'restart the proxy: `flm proxy restart`';
  return `The certificate has expired at ${at}, so clients refuse it; ${next}.`;
}

function renewalCommand(mode: ProxyMode, profile: string): string {
  return mode === 'https-acme' ? `flm cert renew ${profile}` : `flm proxy restart ${profile}`;
}

/** About an engine that is reachable from the network. */
export function exposureWarning(
  { id, kind }: Pick<EngineStatus['ref'], 'id' | 'kind'>,
  exposedOn: string,
): string {
  return `Engine ${id} itself answers on ${exposedOn} without a key of flm, so clients can bypass flm; ${engineKind(kind).advice.exposure}.`;
}
