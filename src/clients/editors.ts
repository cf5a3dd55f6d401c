/**
 * Editors and their extensions.
 */

import {
  answerTokens,
  assumedContextTokens,
  type ClientRecipe,
  chat,
  fileSnippet,
  keyInShell,
  type SettingsFile,
} from './recipe.ts';
import type { SettingsMap } from './settings-text.ts';
import { type ConnectTarget, steps, textKey } from './snippet.ts';

const continueFile: SettingsFile = {
  place: '~/.continue/config.yaml',
  format: 'yaml',
  path: ({ home, join, moved }) =>
    join(moved('CONTINUE_GLOBAL_DIR') ?? join(home, '.continue'), 'config.yaml'),
  key: 'variable',
  settings: (to) => ({
    models: [
      {
        // The user may have another model with this name, which must stay.
        name: `${to.model} (flm)`,
        provider: 'openai',
        model: to.model,
        apiBase: `${to.origin}/v1`,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: Continue puts the secret in itself.
        apiKey: to.key ?? '${{ secrets.FLM_API_KEY }}',
        ...(to.contextTokens === undefined
          ? {}
          : { defaultCompletionOptions: { contextLength: to.contextTokens } }),
        ...continueTls(to),
      },
    ],
  }),
  // Continue refuses a file without name and version.
  defaults: { name: 'flm', version: '0.0.1', schema: 'v1' },
  remaining: keyInShell,
};

function continueTls({ authority, clientCertificate }: ConnectTarget): SettingsMap {
  const options: SettingsMap = {
    ...(authority === undefined ? {} : { caBundlePath: authority.alone }),
    ...(clientCertificate === true
      ? { clientCertificate: { cert: 'client.pem', key: 'client-key.pem' } }
      : {}),
  };
  return Object.keys(options).length === 0 ? {} : { requestOptions: options };
}

const zedFile: SettingsFile = {
  place: '~/.config/zed/settings.json',
  format: 'json',
  path: ({ config, join }) => join(config, 'zed', 'settings.json'),
  key: 'variable',
  settings: (to) => ({
    language_models: {
      openai_compatible: {
        flm: {
          api_url: `${to.origin}/v1`,
          available_models: [{ name: to.model, max_tokens: to.contextTokens ?? assumedContextTokens }],
        },
      },
    },
  }),
  remaining: keyInShell,
};

/** VS Code 1.122 and newer, https://code.visualstudio.com/docs/copilot/customization/language-models */
const vscodeFile: SettingsFile = {
  place: 'chatLanguageModels.json (command palette: Chat: Open Language Models (JSON))',
  format: 'json',
  path: ({ applications, join }) => join(applications, 'Code', 'User', 'chatLanguageModels.json'),
  key: 'file',
  settings: (to) => {
    const context = to.contextTokens ?? assumedContextTokens;
    const output = answerTokens(context, 8_192);
    return [
      {
        name: 'flm',
        vendor: 'customendpoint',
        apiKey: textKey(to),
        apiType: 'chat-completions',
        models: [
          {
            id: to.model,
            name: to.model,
            url: `${to.origin}/v1/chat/completions`,
            // A model without tools is not offered to the agent.
            toolCalling: true,
            vision: false,
            maxInputTokens: context - output,
            maxOutputTokens: output,
          },
        ],
      },
    ];
  },
  remaining: () => [],
};

export const editors: readonly ClientRecipe[] = [
  {
    ...chat,
    id: 'continue',
    name: 'Continue',
    aliases: ['continue-dev', 'cn'],
    trusts: 'by its snippets',
    namesAlone: true,
    showsCertificate: true,
    file: continueFile,
    snippets: (to) => [fileSnippet(continueFile, to)],
    notes: ['continueKey', 'continueHeartbeat'],
  },
  {
    ...chat,
    id: 'vscode',
    name: 'VS Code (Copilot Chat)',
    aliases: ['vs-code', 'visual-studio-code', 'copilot-chat', 'github-copilot-chat', 'vscode-copilot'],
    trusts: 'what the system trusts',
    contextTokens: 32_768,
    file: vscodeFile,
    snippets: (to) => [fileSnippet(vscodeFile, to)],
    notes: ['vscodeNeeds', 'vscodeKey'],
  },
  {
    ...chat,
    id: 'zed',
    name: 'Zed',
    aliases: ['zed-editor'],
    trusts: 'what the system trusts',
    file: zedFile,
    snippets: (to) => [fileSnippet(zedFile, to), ...keyInShell(to)],
    notes: ['zedKey'],
  },
  {
    ...chat,
    id: 'cursor',
    name: 'Cursor',
    trusts: 'public CAs alone',
    elsewhere: true,
    snippets: (to, texts) => [
      steps(
        'Settings > Models > API Keys',
        `OpenAI API Key: ${textKey(to)}`,
        `Override OpenAI Base URL: ${to.origin}/v1`,
        texts.steps.cursorModel(to.model),
      ),
    ],
    notes: ['cursorPublic'],
  },
];
