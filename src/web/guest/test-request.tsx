/** A button that sends a real small request with the key, and shows the answer or what went wrong. */
import { useState } from 'preact/hooks';
import { milliseconds } from '../components/format.ts';
import { t } from '../i18n/texts.ts';
import { RefusedError, sendTest, type TestAnswer } from './guest-api.ts';

type Test =
  | { readonly state: 'none' | 'running' }
  | { readonly state: 'works'; readonly answer: TestAnswer }
  | { readonly state: 'fails'; readonly text: string };

export function TestRequest({
  secret,
  model,
  onDone,
  onDeadKey,
}: {
  secret: string;
  model: string;
  onDone?: () => void;
  /** The server does not accept the key any more, and said why. */
  onDeadKey?: (text: string) => void;
}) {
  const [test, setTest] = useState<Test>({ state: 'none' });
  const run = async () => {
    setTest({ state: 'running' });
    try {
      setTest({ state: 'works', answer: await sendTest(secret, model) });
    } catch (error) {
      if (error instanceof RefusedError && error.status === 401) onDeadKey?.(error.message);
      setTest({ state: 'fails', text: error instanceof Error ? error.message : String(error) });
    }
    onDone?.();
  };
  return (
    <section aria-labelledby="test">
      <h2 id="test">{t.guest.test}</h2>
      <p>{t.guest.testText}</p>
      <button
        type="button"
        class="primary"
        disabled={test.state === 'running' || model === ''}
        onClick={() => void run()}
      >
        {t.guest.run}
      </button>
      <div role="status">
        {test.state === 'running' ? <p>{t.guest.running}</p> : null}
        {test.state === 'works' ? (
          <p class="result good">
            <strong>
              <span aria-hidden="true">✓ </span>
              {t.guest.works(milliseconds(test.answer.tookMs))}
            </strong>{' '}
            {test.answer.text}
          </p>
        ) : null}
        {test.state === 'fails' ? (
          <p class="result bad">
            <strong>
              <span aria-hidden="true">✗ </span>
              {t.guest.fails}
            </strong>{' '}
            {test.text}
          </p>
        ) : null}
      </div>
    </section>
  );
}
