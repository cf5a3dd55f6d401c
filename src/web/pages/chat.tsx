/** Chat: a conversation with a model through a running proxy. Nothing of it is kept outside this page. */
import { useEffect, useState } from 'preact/hooks';
import type { ConnectDocument } from '../../core/proxy/connect-document.ts';
import type { Message } from '../api/chat.ts';
import { call, isNoProxy } from '../api/client.ts';
import { type Conversation, messagesOf, useConversation } from '../components/chat/conversation.ts';
import { chatCommand, curlCommand } from '../components/chat/raw-request.ts';
import { type Turn, Turns } from '../components/chat/turns.tsx';
import { Show, useLoaded } from '../components/loaded.tsx';
import { Choice, Command, Copy, Empty, Field } from '../components/parts.tsx';
import { ForAdmin } from '../components/scope.tsx';
import { t } from '../i18n/texts.ts';

export function ChatPage() {
  return (
    <ForAdmin>
      <Chat />
    </ForAdmin>
  );
}

function Chat() {
  const [proxy, setProxy] = useState('');
  const [loaded] = useLoaded(() => loadPlace(proxy), [proxy]);
  const conversation = useConversation();
  // An answer that nobody sees any more is not worth its tokens.
  useEffect(() => () => conversation.stop(), []);
  if (loaded.state === 'failed' && isNoProxy(loaded.error))
    return <Empty title={t.connect.noProxy} hint={t.chat.noProxyHint} command="flm up" />;
  return (
    <Show loaded={loaded}>
      {(place) =>
        place.models.length === 0 ? (
          <Empty title={t.chat.noModel} hint={t.chat.noModelHint} command="flm engine list" />
        ) : (
          <Talk place={place} conversation={conversation} onProxy={setProxy} />
        )
      }
    </Show>
  );
}

/** The settings of any client name the proxies, the models and the address. */
function loadPlace(proxy: string): Promise<ConnectDocument> {
  const query = new URLSearchParams({ client: 'curl', ...(proxy === '' ? {} : { proxy }) });
  return call('GET', `api/v1/connect?${query}`);
}

function Talk({
  place,
  conversation: { turns, isBusy, send, stop, clear },
  onProxy,
}: {
  place: ConnectDocument;
  conversation: Conversation;
  onProxy: (proxy: string) => void;
}) {
  const [chosen, setModel] = useState('');
  const [system, setSystem] = useState('');
  const [question, setQuestion] = useState('');
  const model = place.models.includes(chosen) ? chosen : place.model;
  const submit = () => {
    if (isBusy || question.trim() === '') return;
    send(question, { proxy: place.proxy, model, system });
    setQuestion('');
  };
  return (
    <>
      <div class="bar">
        <Choice
          label={t.connect.model}
          value={model}
          options={Object.fromEntries(place.models.map((name) => [name, name]))}
          onChange={setModel}
        />
        {place.proxies.length < 2 ? null : (
          <Choice
            label={t.connect.proxy}
            value={place.proxy}
            options={Object.fromEntries(
              place.proxies.map(({ id, profile }) => [id, t.connect.proxyName(id, profile)]),
            )}
            onChange={onProxy}
          />
        )}
        <button type="button" disabled={isBusy || turns.length === 0} onClick={clear}>
          {t.chat.clear}
        </button>
      </div>
      <Field label={t.chat.system} hint={t.chat.systemHint}>
        <textarea rows={1} value={system} onInput={(event) => setSystem(event.currentTarget.value)} />
      </Field>
      {turns.length === 0 ? <p class="note">{t.chat.usageHint}</p> : <Turns turns={turns} />}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Field label={t.chat.message} hint={t.chat.messageHint}>
          <textarea
            rows={3}
            value={question}
            onInput={(event) => setQuestion(event.currentTarget.value)}
            onKeyDown={(event) => {
              // Enter that ends the composition of Japanese or Chinese text sends nothing.
              if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
              event.preventDefault();
              submit();
            }}
          />
        </Field>
        <div class="buttons">
          {isBusy ? (
            <button type="button" class="danger" onClick={stop}>
              {t.chat.stop}
            </button>
          ) : (
            <button type="submit" class="primary" disabled={question.trim() === ''}>
              {t.chat.send}
            </button>
          )}
        </div>
      </form>
      <RawRequest text={curlCommand(place.origin, model, shownMessages(turns, question, system))} />
      <p class="note">{t.command}</p>
      <Command text={chatCommand(model)} />
    </>
  );
}

/** Of the question that is being written, otherwise of the last one that was sent. */
function shownMessages(turns: readonly Turn[], question: string, system: string): readonly Message[] {
  const last = turns.at(-1);
  return question === '' && last !== undefined
    ? messagesOf(turns.slice(0, -1), last.question, system)
    : messagesOf(turns, question, system);
}

function RawRequest({ text }: { text: string }) {
  return (
    <details>
      <summary>{t.chat.raw}</summary>
      <figure class="snippet">
        <figcaption>
          {t.chat.rawHint} <Copy text={text} />
        </figcaption>
        <pre tabIndex={0}>{text}</pre>
      </figure>
    </details>
  );
}
