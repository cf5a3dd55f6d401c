/** Findings about running proxies: their warnings, their certificates and their versions. */
import type { ProxyHandle } from '../proxy/proxy-handle.ts';
import type { ProxyView } from '../proxy/proxy-service.ts';
import type { WarningCode } from '../proxy/warning.ts';
import { allWarnings } from '../proxy/warnings.ts';
import type { CheckName, Finding, Severity } from './report.ts';

const kindsOfWarnings = {
  NO_PROXY: ['warning', 'proxies'],
  PROXY_CRASHED: ['error', 'proxies'],
  PROXY_NOT_ANSWERING: ['error', 'proxies'],
  CERTIFICATE_WAITED_FOR: ['warning', 'certificates'],
  CERTIFICATE_NOT_RENEWED: ['warning', 'certificates'],
  CERTIFICATE_EXPIRED: ['error', 'certificates'],
  CLEAR_TEXT: ['error', 'proxies'],
  NO_KEY: ['warning', 'policy'],
  NO_ENGINE: ['warning', 'engines'],
  ONLY_DEMO: ['notice', 'engines'],
  ENGINE_DOWN: ['error', 'engines'],
  ENGINE_EXPOSED: ['warning', 'exposure'],
  ENGINE_UNUSABLE: ['error', 'engines'],
  REVOCATION_UNWRITTEN: ['error', 'database'],
  STORE_PROBLEM: ['error', 'database'],
  KEYS_OUTDATED: ['error', 'database'],
  LIMITER_AWAY: ['error', 'limits'],
  TELEMETRY_NOT_SENT: ['warning', 'proxies'],
  BACKUP_OVERDUE: ['warning', 'backups'],
  OTHER: ['warning', 'proxies'],
} as const satisfies Record<WarningCode, readonly [Severity, CheckName]>;

/** The warnings of all proxies. ENGINE_EXPOSED is left out: the exposure check says more. */
export function warningFindings(
  views: readonly ProxyView[],
  crashed: readonly Pick<ProxyHandle, 'id' | 'profile'>[],
): readonly Finding[] {
  return allWarnings(views, crashed)
    .filter(({ code }) => code !== 'ENGINE_EXPOSED')
    .map(({ code, message, command, proxy, profile }) => {
      const [severity, check] = kindsOfWarnings[code];
      const named = `Proxy ${proxy} (profile ${profile})`;
      // In a status these stand beside the name of their proxy.
      const said =
        code === 'PROXY_CRASHED'
          ? `${named} ended without a stop. ${message}`
          : code === 'PROXY_NOT_ANSWERING'
            ? `${named} does not answer. ${message}`
            : message;
      return { code, severity, check, subject: proxy, message: said, command };
    });
}

/** Every certificate is renewed well before: the shortest of Let's Encrypt, of six days, with two days left. */
const soonMs = 36 * 3_600_000;
const renewalMs = 3_600_000;

export function certificateFindings(views: readonly ProxyView[], nowMs: number): readonly Finding[] {
  return views.flatMap((view): readonly Finding[] => {
    if (!('status' in view) || view.status.certificate === undefined) return [];
    const { id, profile, mode } = view.handle;
    const { expiresAtMs, renewsAtMs } = view.status.certificate;
    // The proxy itself warns of one that has expired.
    if (expiresAtMs <= nowMs || expiresAtMs - nowMs > soonMs) return [];
    // Some CAs issue for a day. A renewal takes a few attempts at most.
    if (renewsAtMs !== undefined && nowMs < renewsAtMs + renewalMs) return [];
    return [
      {
        code: 'CERTIFICATE_EXPIRES_SOON',
        severity: 'warning',
        check: 'certificates',
        subject: id,
        message: `The certificate of proxy ${id} (profile ${profile}) expires at ${new Date(expiresAtMs).toISOString()} and has not been renewed yet.`,
        command: mode === 'https-acme' ? `flm cert renew ${profile}` : `flm proxy restart ${profile}`,
      },
    ];
  });
}

/** Proxies that run another version than the installed program. */
export function versionFindings(views: readonly ProxyView[], installed: string): readonly Finding[] {
  return views.flatMap((view): readonly Finding[] => {
    if (!('status' in view) || view.status.version === installed) return [];
    const { id, profile } = view.handle;
    return [
      {
        code: 'PROXY_OTHER_VERSION',
        severity: 'warning',
        check: 'versions',
        subject: id,
        message: `Proxy ${id} (profile ${profile}) runs flm ${view.status.version}, and ${installed} is installed; hand the proxy over to it.`,
        command: 'flm upgrade',
      },
    ];
  });
}
