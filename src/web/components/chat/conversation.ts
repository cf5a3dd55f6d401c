/** The state of a conversation: sends a question with all turns before it, and collects the answer as it arrives. */
import { useRef, useState } from 'preact/hooks';
import { ask, type Message } from '../../api/chat.ts';
import type { Turn } from './turns.tsx';

export interface ChatSettings {
  readonly proxy: string;
  readonly model: string;
  readonly system: string;
}

export interface Conversation {
  readonly turns: readonly Turn[];
  readonly isBusy: boolean;
  send(question: string, settings: ChatSettings): void;
  stop(): void;
  clear(): void;
}

/** Every message of a request: the system prompt, the turns that have an answer, and the question. */
export function messagesOf(turns: readonly Turn[], question: string, system: string): readonly Message[] {
  return [
    ...(system.trim() === '' ? [] : [{ role: 'system' as const, content: system }]),
    ...turns
      .filter(({ text }) => text !== '')
      .flatMap((turn): Message[] => [
        { role: 'user', content: turn.question },
        { role: 'assistant', content: turn.text },
      ]),
    { role: 'user', content: question },
  ];
}

export function useConversation(): Conversation {
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const running = useRef<AbortController | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const change = (id: number, part: (turn: Turn) => Partial<Turn>) =>
    setTurns((before) => before.map((turn) => (turn.id === id ? { ...turn, ...part(turn) } : turn)));

  const run = async (question: string, { proxy, model, system }: ChatSettings) => {
    const controller = new AbortController();
    running.current = controller;
    setBusy(true);
    const id = Date.now();
    const messages = messagesOf(turns, question, system);
    setTurns([...turns, { id, question, text: '', reasoning: '', state: 'waiting' }]);
    try {
      const facts = await ask(
        { model, messages, ...(proxy === '' ? {} : { proxy }) },
        (kind, text) => change(id, (turn) => ({ state: 'streaming', [kind]: turn[kind] + text })),
        controller.signal,
      );
      change(id, () => ({ state: 'done', facts }));
    } catch (problem) {
      change(id, () => (controller.signal.aborted ? { state: 'stopped' } : { state: 'failed', problem }));
    }
    running.current = undefined;
    setBusy(false);
  };

  return {
    turns,
    isBusy,
    send: (question, settings) => void run(question, settings),
    stop: () => running.current?.abort(),
    clear: () => setTurns([]),
  };
}
