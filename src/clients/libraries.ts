/**
 * curl, and libraries for programs.
 */
import { shellWord } from '../core/shell-word.ts';
import { type ClientRecipe, chat, node, python } from './recipe.ts';
import { type ClientSnippet, jsKey, pythonKey, quoted, shell, shKey } from './snippet.ts';

/**
 * A JVM reads CAs only from a key store. The configured key store replaces the JVM's own, so it begins as a copy;
 * `changeit` is the default password of every JDK.
 */
function trustStore(caFile: string): ClientSnippet {
  return shell(
    'STORE="$HOME/flm-truststore.p12"',
    'JDK="$(java -XshowSettings:properties -version 2>&1 | sed -n \'s/^ *java.home = //p\')"',
    'cp -Lf "$JDK/lib/security/cacerts" "$STORE" && chmod u+w "$STORE"',
    `keytool -importcert -noprompt -alias flm -file ${shellWord(caFile)} -keystore "$STORE" -storepass changeit`,
    `export JAVA_TOOL_OPTIONS="-Djavax.net.ssl.trustStore='$STORE' -Djavax.net.ssl.trustStorePassword=changeit"`,
  );
}

export const libraries: readonly ClientRecipe[] = [
  {
    ...chat,
    id: 'curl',
    name: 'curl',
    trusts: 'by its snippets',
    showsCertificate: true,
    snippets: (to) => [
      {
        ...shell(
          `curl ${shellWord(`${to.origin}/v1/chat/completions`)} \\`,
          ...(to.authority === undefined ? [] : [`  --cacert ${shellWord(to.authority.alone)} \\`]),
          ...(to.clientCertificate === true ? ['  --cert client.pem --key client-key.pem \\'] : []),
          `  -H "Authorization: Bearer ${to.key ?? '$FLM_API_KEY'}" \\`,
          "  -H 'Content-Type: application/json' \\",
          `  -d ${shellWord(JSON.stringify({ model: to.model, messages: [{ role: 'user', content: 'Hello' }] }))}`,
        ),
        place: 'shell',
      },
    ],
  },
  {
    ...chat,
    id: 'openai',
    name: 'OpenAI SDKs',
    aliases: ['openai-sdk', 'openai-node', 'openai-js'],
    trusts: [...node, ...python],
    snippets: (to) => [
      shell(`export OPENAI_BASE_URL=${shellWord(`${to.origin}/v1`)}`, `export OPENAI_API_KEY=${shKey(to)}`),
    ],
    notes: ['openaiVariables'],
  },
  {
    ...chat,
    id: 'python',
    name: 'Python (openai)',
    aliases: ['openai-python', 'py'],
    trusts: python,
    snippets: (to) => [
      {
        place: { code: 'pip install openai' },
        format: 'python',
        text: [
          ...(to.key === undefined ? ['import os'] : []),
          'from openai import OpenAI',
          '',
          `client = OpenAI(base_url=${quoted(`${to.origin}/v1`)}, api_key=${pythonKey(to)})`,
          'answer = client.chat.completions.create(',
          `    model=${quoted(to.model)},`,
          '    messages=[{"role": "user", "content": "Hello"}],',
          ')',
          'print(answer.choices[0].message.content)',
        ].join('\n'),
      },
    ],
  },
  {
    id: 'anthropic',
    name: 'Anthropic SDKs',
    aliases: ['anthropic-sdk', 'anthropic-python'],
    trusts: [...node, ...python],
    route: 'messages',
    base: 'server',
    snippets: (to) => [
      shell(`export ANTHROPIC_BASE_URL=${shellWord(to.origin)}`, `export ANTHROPIC_API_KEY=${shKey(to)}`),
    ],
    notes: ['anthropicPath'],
  },
  {
    ...chat,
    id: 'vercel-ai',
    name: 'Vercel AI SDK',
    aliases: ['vercel', 'ai-sdk'],
    trusts: node,
    snippets: (to) => [
      {
        place: { code: 'npm install ai @ai-sdk/openai-compatible' },
        format: 'js',
        text: [
          "import { createOpenAICompatible } from '@ai-sdk/openai-compatible';",
          "import { generateText } from 'ai';",
          '',
          'const flm = createOpenAICompatible({',
          "  name: 'flm',",
          `  baseURL: ${quoted(`${to.origin}/v1`)},`,
          `  apiKey: ${jsKey(to)},`,
          '  includeUsage: true,',
          '});',
          `const { text } = await generateText({ model: flm(${quoted(to.model)}), prompt: 'Hello' });`,
          'console.log(text);',
        ].join('\n'),
      },
    ],
  },
  {
    ...chat,
    id: 'langchain',
    name: 'LangChain',
    aliases: ['langchain-js'],
    trusts: node,
    snippets: (to) => [
      {
        place: { code: 'npm install @langchain/openai' },
        format: 'js',
        text: [
          "import { ChatOpenAI } from '@langchain/openai';",
          '',
          'const model = new ChatOpenAI({',
          `  model: ${quoted(to.model)},`,
          `  apiKey: ${jsKey(to)},`,
          `  configuration: { baseURL: ${quoted(`${to.origin}/v1`)} },`,
          '});',
          "console.log((await model.invoke('Hello')).content);",
        ].join('\n'),
      },
    ],
  },
  {
    id: 'ollama-js',
    name: 'ollama-js',
    aliases: ['ollama'],
    trusts: node,
    route: 'ollama.chat',
    base: 'server',
    snippets: (to) => [
      {
        place: { code: 'npm install ollama' },
        format: 'js',
        text: [
          "import { Ollama } from 'ollama';",
          '',
          'const ollama = new Ollama({',
          `  host: ${quoted(to.origin)},`,
          `  headers: { Authorization: 'Bearer ' + ${jsKey(to)} },`,
          '});',
          'const answer = await ollama.chat({',
          `  model: ${quoted(to.model)},`,
          "  messages: [{ role: 'user', content: 'Hello' }],",
          '});',
          'console.log(answer.message.content);',
        ].join('\n'),
      },
    ],
    notes: ['ollamaKey'],
  },
  {
    ...chat,
    id: 'java',
    name: 'Java (langchain4j)',
    aliases: ['langchain4j', 'spring', 'spring-ai', 'kotlin', 'jvm', 'jdk'],
    trusts: 'by its snippets',
    snippets: (to) => [
      {
        place: { code: 'dev.langchain4j:langchain4j-open-ai' },
        format: 'java',
        text: [
          'import dev.langchain4j.model.openai.OpenAiChatModel;',
          '',
          'class Hello {',
          '  public static void main(String[] args) {',
          '    var model = OpenAiChatModel.builder()',
          `        .baseUrl(${quoted(`${to.origin}/v1`)})`,
          `        .apiKey(${to.key === undefined ? 'System.getenv("FLM_API_KEY")' : quoted(to.key)})`,
          `        .modelName(${quoted(to.model)})`,
          '        .build();',
          '    System.out.println(model.chat("Hello"));',
          '  }',
          '}',
        ].join('\n'),
      },
      ...(to.authority === undefined ? [] : [trustStore(to.authority.alone)]),
    ],
    notes: ['springAi'],
  },
];
