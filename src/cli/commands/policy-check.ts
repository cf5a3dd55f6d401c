/**
 * `flm policy check`: predicts what would happen to a request, and which rule decides. It uses the same code as real
 * requests.
 */
import type { Command } from 'commander';
import type { PolicyAnswer } from '../../app/policy-question.ts';
import { errorHint, errorText } from '../../core/errors.ts';
import { policyAnswerDocument } from '../../core/security/policy-check.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { facts } from '../terminal/layout.ts';

interface CheckFlags {
  readonly ip: string;
  readonly origin?: string;
  readonly key?: string;
  readonly model?: string;
  readonly endpoint: string;
  readonly profile?: string;
}

export function policyCheck(cli: Cli): Command {
  return leaf(
    'check',
    'show what the policy decides for a request, and which rule decides',
    'flm policy check --ip 192.168.1.7 --key laptop --model qwen3:8b\nflm policy check --origin https://app.example.org',
  )
    .option('--ip <address>', 'address of the client', '127.0.0.1')
    .option('--key <key>', 'id or label of the key; without it, only the rules for all keys are checked')
    .option('--origin <url>', 'origin of the web page')
    .option('--model <name>', 'model of the request')
    .option('--endpoint <route>', 'route of the request', 'chat.completions')
    .option('--profile <profile>', 'include the overrides of this profile')
    .action(
      action(cli, async (session, flags: CheckFlags) => {
        const { routeNames, whatWouldHappen } = await import('../../app/policy-question.ts');
        if (!routeNames.includes(flags.endpoint))
          throw usageError('policy check', `--endpoint is one of ${routeNames.join(', ')}.`);
        const answer = await whatWouldHappen(session.flm, flags);
        if (answer === undefined) throw usageError('policy check', '--ip takes one IPv4 or IPv6 address.');
        if (session.json) return session.terminal.out(JSON.stringify(policyAnswerDocument(answer)));
        session.terminal.out(textOf(session, answer));
      }),
    );
}

function textOf(session: Session, answer: PolicyAnswer): string {
  const { paint } = session.terminal;
  const denial = answer.steps.at(-1)?.denial;
  const rows = answer.steps.map(
    ({ step, denial: d }) =>
      [
        `  ${step}`,
        d === undefined ? paint('green', 'passes') : `${paint('red', 'refused')} by ${d.rule}`,
      ] as const,
  );
  if (denial === undefined) {
    const first = answer.keyless ? 'Allowed with any valid key that may do this.' : 'Allowed.';
    return `${paint('green', first)}\n${facts(rows)}`;
  }
  const first = `${paint('red', 'Refused')} with ${answer.status ?? ''} ${denial.code}.`;
  return [
    first,
    facts(rows),
    errorText(denial.code, denial.params),
    errorHint(denial.code, denial.params),
  ].join('\n');
}
