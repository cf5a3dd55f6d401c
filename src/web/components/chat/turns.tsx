/** The turns of a conversation: questions, answers while they arrive, and figures of each answer. */
import type { ChatDone } from '../../../core/proxy/chat-document.ts';
import { t } from '../../i18n/texts.ts';
import { milliseconds, number } from '../format.ts';
import { Problem } from '../loaded.tsx';
import { Copy } from '../parts.tsx';

export interface Turn {
  readonly id: number;
  readonly question: string;
  readonly text: string;
  readonly reasoning: string;
  readonly state: 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed';
  readonly facts?: ChatDone | undefined;
  readonly problem?: unknown;
}

export function Turns({ turns }: { turns: readonly Turn[] }) {
  return (
    <section class="turns" role="log" aria-label={t.chat.conversation} tabIndex={0}>
      {turns.map((turn) => (
        <article key={turn.id}>
          <p class="question">{turn.question}</p>
          {turn.reasoning === '' ? null : (
            <details>
              <summary>{t.chat.reasoning}</summary>
              <p class="answer note">{turn.reasoning}</p>
            </details>
          )}
          {turn.text === '' ? null : <p class="answer">{turn.text}</p>}
          {turn.state === 'waiting' ? <p class="note">{t.chat.waiting}</p> : null}
          {turn.problem === undefined ? null : <Problem error={turn.problem} />}
          {turn.state === 'stopped' ? <p class="note">{t.chat.stopped}</p> : null}
          {turn.facts === undefined ? null : (
            <p class="note figures">
              {factsOf(turn.facts)} <Copy text={turn.text} />
            </p>
          )}
        </article>
      ))}
    </section>
  );
}

function factsOf({ model, usage, timings, finishReason }: ChatDone): string {
  const { tokensPerSecond, firstTokenMs, totalMs } = timings;
  return [
    model,
    ...(usage === null ? [] : [t.chat.tokens(number(usage.inputTokens), number(usage.outputTokens))]),
    ...(tokensPerSecond === null ? [] : [t.chat.speed(number(tokensPerSecond))]),
    ...(firstTokenMs === null ? [] : [t.chat.firstToken(milliseconds(firstTokenMs))]),
    t.chat.total(milliseconds(totalMs)),
    ...(finishReason === 'length' ? [t.chat.cut] : []),
  ].join(' · ');
}
