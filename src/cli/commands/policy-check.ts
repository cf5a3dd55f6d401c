/**
 * `flm policy check`: predicts what would happen to a request, and which rule decides. It uses the same code as real
 * requests.
 */
import type { Command } from 'commander';
import type { PolicyAnswer } from '../../app/policy-question.ts';
import { policyAnswerDocument } from '../../core/security/policy-check.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { codeForPeople } from '../i18n/error-texts.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { facts } from '../terminal/layout.ts';

const texts = t.policy;

interface CheckFlags {
  readonly ip: string;
  readonly origin?: string;
  readonly key?: string;
  readonly model?: string;
  readonly endpoint: string;
  readonly profile?: string;
}

export function policyCheck(cli: Cli): Command {
  const options = texts.checkOptions;
  return leaf(
    'check',
    texts.help.check,
    'flm policy check --ip 192.168.1.7 --key laptop --model qwen3:8b\nflm policy check --origin https://app.example.org',
  )
    .option('--ip <address>', options.ip, '127.0.0.1')
    .option('--key <key>', options.key)
    .option('--origin <url>', options.origin)
    .option('--model <name>', options.model)
    .option('--endpoint <route>', options.endpoint, 'chat.completions')
    .option('--profile <profile>', options.profile)
    .action(
      action(cli, async (session, flags: CheckFlags) => {
        const { routeNames, whatWouldHappen } = await import('../../app/policy-question.ts');
        if (!routeNames.includes(flags.endpoint))
          throw usageError('policy check', texts.problems.endpoint(routeNames.join(', ')));
        const answer = await whatWouldHappen(session.flm, flags);
        if (answer === undefined) throw usageError('policy check', texts.problems.ip);
        if (session.json) return session.terminal.out(JSON.stringify(policyAnswerDocument(answer)));
        session.terminal.out(textOf(session, answer));
      }),
    );
}

function textOf(session: Session, answer: PolicyAnswer): string {
  const { paint } = session.terminal;
  const { check } = texts;
  const red = (word: string): string => paint('red', word);
  const denial = answer.steps.at(-1)?.denial;
  const rows = answer.steps.map(
    ({ step, denial: d }) =>
      [
        `  ${step}`,
        d === undefined ? paint('green', check.passes) : check.refusedBy(translated(d.rule), red),
      ] as const,
  );
  if (denial === undefined) {
    const first = answer.keyless ? check.allowedWithKey : check.allowed;
    return `${paint('green', first)}\n${facts(rows)}`;
  }
  const first = check.refused(answer.status, denial.code, red);
  const { message, hint } = codeForPeople(denial.code, denial.params);
  return [first, facts(rows), message, hint].join('\n');
}
