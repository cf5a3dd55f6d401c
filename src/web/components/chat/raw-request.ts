/** The request of a chat as a command, with the key as a variable. */
import { shellWord } from '../../../core/shell-word.ts';
import type { Message } from '../../api/chat.ts';

export function curlCommand(origin: string, model: string, messages: readonly Message[]): string {
  const body = JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true } });
  return [
    `curl -N ${shellWord(`${origin}/v1/chat/completions`)} \\`,
    `  -H "Authorization: Bearer $FLM_API_KEY" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d ${shellWord(body)}`,
  ].join('\n');
}

export function chatCommand(model: string): string {
  return `flm chat ${shellWord(model)}`;
}
