/** The report of `flm doctor` as text: a line for each check, the findings below, and the command for each. */
import type { DoctorReport, Finding, Severity } from '../../core/doctor/report.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { facts, hanging, printable } from '../terminal/layout.ts';
import type { Style, Terminal } from '../terminal/terminal.ts';

const texts = t.doctor;

type DoctorTerminal = Pick<Terminal, 'paint' | 'tableColumns'>;

const styles = {
  ok: 'green',
  skipped: 'dim',
  notice: 'cyan',
  warning: 'yellow',
  error: 'red',
} as const satisfies Record<Severity | 'ok' | 'skipped', Style>;

export function doctorText(report: DoctorReport, terminal: DoctorTerminal): string {
  const { paint, tableColumns } = terminal;
  const checks = facts(
    report.checks.map(({ name, state }) => [texts.checks[name], paint(styles[state], texts.states[state])]),
    tableColumns,
  );
  const findings = report.findings.map((finding) => findingText(finding, terminal));
  return [checks, ...findings, summary(report, terminal)].join('\n\n');
}

function findingText(
  { severity, message, command, steps = [] }: Finding,
  { paint, tableColumns }: DoctorTerminal,
): string {
  const prefix = `${paint(styles[severity], texts.states[severity])}  `;
  return [
    hanging(prefix, printable(translated(message)), tableColumns),
    ...steps.map((step) => hanging('  - ', printable(translated(step)), tableColumns)),
    `  ${paint('bold', printable(command))}`,
  ].join('\n');
}

function summary({ ok, counts }: DoctorReport, { paint }: DoctorTerminal): string {
  const text = texts.summary(counts.error, counts.warning, counts.notice);
  return paint(ok ? 'green' : 'red', text);
}
