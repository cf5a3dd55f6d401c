/** The Japanese texts about the settings of clients. The names of fields and menus stay as the client shows them. */
import type { ClientTexts } from './texts.ts';

export const japaneseClientTexts: ClientTexts = {
  names: { anthropic: 'AnthropicのSDK', openai: 'OpenAIのSDK', phone: 'スマートフォンのアプリ' },
  notes: {
    claudeCodeFields:
      'エンジンが未知のフィールドを拒否する場合: export CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS=1',
    keyAtStart: '起動時に、環境変数FLM_API_KEYからキーを読み取ります。',
    codexNamespaces: 'エンジンがタイプ"namespace"のツールを拒否する場合: codex --disable multi_agent',
    keyAtStartOrFile: 'ファイルにキーがない場合は、起動時に環境変数FLM_API_KEYからキーを読み取ります。',
    gooseHost: 'ホストに/v1は付けません。/v1はOPENAI_BASE_PATHに含まれています。',
    clineSteps: '手順はエディターの拡張機能用、コマンドはターミナルのCline用です。',
    openWebUiStart:
      'これらの環境変数は、初回起動時にだけ使われます。以後は、Admin Settings > Connections > OpenAI APIで設定してください。',
    container: 'コンテナーから接続する場合: --host host.docker.internal',
    librechatKey: 'LibreChatは、.envファイルからFLM_API_KEYを読み取ります。',
    n8nResponses:
      '新しいノードはResponses APIを使います。エンジンが対応していない場合は、ノードの"Use Responses API"をオフにしてください。',
    phonePath: 'アプリが自動的に/v1を付ける場合は、/v1を除いたアドレスを入力してください。',
    phoneReach:
      'スマートフォンからこのマシンに接続できる必要があります。ネットワーク向けにプロキシを起動してください（flm up --helpの--bindと--mode）。',
    continueKey:
      'Continueは、環境変数FLM_API_KEY、または~/.continue/.envのFLM_API_KEY=...の行からキーを読み取ります。',
    continueHeartbeat: 'ストリーム内のコメントに対応していないため、--heartbeatは使わないでください。',
    vscodeNeeds:
      'VS Code 1.122以降とGitHub Copilot Chatが必要です。GitHubアカウントは必要ありません。ほかの拡張機能の設定: flm connect continue、flm connect cline',
    vscodeKey:
      'VS Codeは、この設定で環境変数を読み取りません。FLM_API_KEYをキーに置き換えるか、キーを安全に保存できるChat: Manage Language Modelsで追加してください。',
    zedKey:
      '起動時に環境変数FLM_API_KEYからキーを読み取ります。設定されていない場合は、エージェントパネルで入力します。',
    cursorPublic:
      'このアドレスには、使用中のマシンではなくCursorのサーバーが接続します。localhostではなく、公開されたhttps://のURLが必要です。',
    openaiVariables:
      'この2つの環境変数を読み取るSDKやツールでは、ほかの設定は必要ありません。モデルはコードで指定してください。',
    anthropicPath: 'ベースURLに/v1は付けません。SDKが自動的に付けます。',
    ollamaKey: '環境変数OLLAMA_API_KEYはollama.com専用のため、キーはヘッダーで設定します。',
    springAi:
      'Spring AIでは、spring.ai.openai.base-url、spring.ai.openai.api-key、spring.ai.openai.chat.options.modelに同じ値を設定してください。Spring AI 1は/v1を自動的に付けます。',
  },
  places: {
    shell: 'シェルで実行',
    start: 'クライアントを起動するシェルで実行',
    settings: 'クライアントの設定画面',
    code: (dependency) => `コード（${dependency}）`,
  },
  steps: {
    cursorModel: (model) => `モデルを追加: ${model}`,
    n8nModel: (model) => `ノードOpenAI Chat Modelで、Model > By ID: ${model}`,
    phoneProvider:
      '「OpenAI互換」（OpenAI compatible）のプロバイダーに対応したアプリ（Chatbox、Kelivo、RikkaHubなど）で、プロバイダーを追加',
    phoneUrl: (url) => `Base URLまたはAPI host: ${url}`,
    phoneKey: (key) => `APIキー: ${key}`,
    phoneModel: (model) => `モデル: ${model}`,
  },
};
