/**
 * What `flm doctor` reports: findings, each with a code, a severity, a sentence and the command that fixes it or shows
 * more, and the state of each check. An error or a warning makes the report not ok.
 */
import type { ErrorCode, FlmError } from '../errors.ts';
import type { WarningCode } from '../proxy/warning.ts';

/** The most severe first. A notice is worth knowing, and nothing is wrong. */
export const severities = ['error', 'warning', 'notice'] as const;
export type Severity = (typeof severities)[number];

/** In the order in which they are shown. */
export const checkNames = [
  'data',
  'database',
  'backups',
  'limits',
  'clock',
  'proxies',
  'certificates',
  'engines',
  'exposure',
  'policy',
  'versions',
] as const;
export type CheckName = (typeof checkNames)[number];

/** Codes of the doctor itself. Warnings of proxies keep their codes, and so do errors that a check met. */
export const ownFindingCodes = [
  'DATA_FILE_FOREIGN',
  'DATA_FILE_OPEN',
  'DISK_FULL',
  'DISK_LOW',
  'LIMITER_UNREACHABLE',
  'CERTIFICATE_EXPIRES_SOON',
  'CERTIFICATE_DAMAGED',
  'AUTHORITY_EXPIRES_SOON',
  'NAME_UNRESOLVED',
  'NAME_ELSEWHERE',
  'PORT_HELD',
  'HTTP_PORT_HELD',
  'HTTP_PORT_CLOSED',
  'CLOCK_DIFFERS',
  'ENGINE_NO_MODEL',
  'ENGINE_SMALL_CONTEXT',
  'ENGINE_ONE_SLOT',
  'ENGINE_OPEN',
  'ENGINE_ANY_ORIGIN',
  'POLICY_OPEN',
  'TRUSTED_PROXIES_OPEN',
  'KEYS_UNLIMITED',
  'KEYS_WITHOUT_EXPIRY',
  'KEYS_UNUSED',
  'PROXY_OTHER_VERSION',
] as const;
export type FindingCode = (typeof ownFindingCodes)[number] | WarningCode | ErrorCode;

export interface Finding {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly check: CheckName;
  /** The id of the proxy or engine that the finding is about; null: none. */
  readonly subject: string | null;
  readonly message: string;
  readonly command: string;
  /** Sentences: ways to fix it, of which one fits. Absent: `command` does. */
  readonly steps?: readonly string[];
}

export interface CheckResult {
  readonly name: CheckName;
  /** The severity of its worst finding. `skipped`: another problem prevented the check. */
  readonly state: Severity | 'ok' | 'skipped';
}

export interface DoctorReport {
  /** No error and no warning. */
  readonly ok: boolean;
  readonly version: string;
  readonly at: string;
  readonly home: string;
  readonly counts: Readonly<Record<Severity, number>>;
  readonly checks: readonly CheckResult[];
  readonly findings: readonly Finding[];
}

/** Names in one sentence. */
const maxNames = 5;

export interface ReportFacts {
  readonly version: string;
  readonly nowMs: number;
  readonly home: string;
  readonly findings: readonly Finding[];
  readonly skipped: ReadonlySet<CheckName>;
}

/** Sorts the findings by severity and check. Proxies of one machine report the same problem once. */
export function reportOf({ version, nowMs, home, findings, skipped }: ReportFacts): DoctorReport {
  const single = [...new Map(findings.map((f) => [`${f.code} ${f.message}`, f])).values()].toSorted(
    (a, b) =>
      severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
      checkNames.indexOf(a.check) - checkNames.indexOf(b.check),
  );
  const count = (severity: Severity): number => single.filter((f) => f.severity === severity).length;
  const counts = { error: count('error'), warning: count('warning'), notice: count('notice') };
  return {
    ok: counts.error + counts.warning === 0,
    version,
    at: new Date(nowMs).toISOString(),
    home,
    counts,
    checks: checkNames.map((name) => ({
      name,
      state: single.find((f) => f.check === name)?.severity ?? (skipped.has(name) ? 'skipped' : 'ok'),
    })),
    findings: single,
  };
}

/** An error that a check met. */
export function failure(
  check: CheckName,
  { code, message, hint }: Pick<FlmError, 'code' | 'message' | 'hint'>,
  command = `flm explain ${code}`,
): Finding {
  return {
    code,
    severity: 'error',
    check,
    subject: null,
    message: `${message} ${hint}`,
    command,
  };
}

/** The first few names of a list in one sentence; the rest is `...`. */
export function firstNames(names: readonly string[]): string {
  return [...names.slice(0, maxNames), ...(names.length > maxNames ? ['...'] : [])].join(', ');
}
