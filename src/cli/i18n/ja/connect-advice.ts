/** Texts about the settings of clients. The names of fields and menus stay as the client shows them. */
import type { EngineKindName } from '../../../core/engine/kinds.ts';
import { shellWord } from '../../../core/shell-word.ts';
import type { CliCatalogue } from '../catalogue.ts';

/** How to get a larger context, for each kind of engine. */
const largerContext: Readonly<Record<EngineKindName, (model: string, tokens: number) => string>> = {
  ollama: (_model, tokens) =>
    `OLLAMA_CONTEXT_LENGTH=${tokens}を設定してOllamaを起動するか、Modelfileに"PARAMETER num_ctx ${tokens}"を指定したモデルを作成してください。`,
  llamacpp: (_model, tokens) =>
    `llama-serverの起動時に、-cへ${tokens}×スロット数（-np）を指定してください。コンテキスト長はスロット間で共有されます。`,
  'llama-swap': (_model, tokens) =>
    `llama-swapのconfig.yamlで、モデルの\`cmd\`を変更してください（llama-serverでは-c ${tokens}）。`,
  lmstudio: (model, tokens) =>
    `LM StudioでモデルをロードするときにContext Lengthを設定するか、次のコマンドを実行してください: lms load ${shellWord(model)} --context-length ${tokens}`,
  vllm: (_model, tokens) => `--max-model-len ${tokens}を付けてvLLMを起動してください。`,
  sglang: (_model, tokens) => `--context-length ${tokens}を付けてSGLangを起動してください。`,
  localai: (_model, tokens) => `LocalAIのモデルのYAMLファイルで、context_size: ${tokens}を設定してください。`,
  tabbyapi: (_model, tokens) => `TabbyAPIのconfig.ymlのmodelで、max_seq_len: ${tokens}を設定してください。`,
  koboldcpp: (_model, tokens) => `--contextsize ${tokens}を付けてKoboldCppを起動してください。`,
  jan: (_model, tokens) => `Janのモデルの設定で、Context Sizeを${tokens}にしてください。`,
  lemonade: (_model, tokens) => `Lemonadeの設定で、ctx_sizeを${tokens}にしてください。`,
  fastflowlm: (_model, tokens) => `--ctx-len ${tokens}を付けてFastFlowLMを起動してください。`,
  'docker-model-runner': (model, tokens) =>
    `次のコマンドを実行してください: docker model configure --context-size ${tokens} ${shellWord(model)}`,
  'mlx-lm': () => 'mlx-lmはモデル自体のコンテキスト長を使います。--modelで別のモデルを指定してください。',
  'openai-compatible': raiseOrChoose,
  demo: raiseOrChoose,
};

function raiseOrChoose(): string {
  return 'エンジンの起動時にコンテキスト長を増やすか、--modelで別のモデルを指定してください。';
}

const containerNote = 'コンテナーから接続する場合: --host host.docker.internal';

export const connectAdvice: CliCatalogue['connectAdvice'] = {
  clients: {
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
      container: containerNote,
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
  },
  context: {
    tooSmall: (client, needed, { kind, engine, model, tokens }) =>
      `${client}には${needed}トークン以上のコンテキスト長が必要ですが、${engine}の${model}は${tokens}トークンです。${largerContext[kind](model, needed)}`,
    unknown: (client, needed, { kind, engine, model }) =>
      `${client}には${needed}トークン以上のコンテキスト長が必要ですが、${engine}は${model}のコンテキスト長を報告していません。${largerContext[kind](model, needed)}`,
  },
  keyPlaceholder:
    'FLM_API_KEYはキーを表します。exportで設定してください。--key KEYまたは--new-key LABELを指定すると、キーが設定に入力されます。',
  authorityFile:
    'flmのCAのファイルはこのマシンにあります。コンテナーではマウントし、ほかのマシンではコピーするか、`flm cert trust --device`を実行してください。',
  clientCertificate: 'client.pemとclient-key.pemは、クライアント証明書とその秘密鍵を表します。',
  warnings: {
    elsewhere: (host, client) =>
      `別のデバイスでは、${host}はそのデバイス自身を指します。${client}から接続できる、このマシンの名前またはアドレスを--hostで指定してください。`,
    noModel: 'モデルを提供しているエンジンがまだありません。MODELをモデルの名前に置き換えてください。',
    missingModel: (model, similar) =>
      `現在、モデル${model}を提供しているエンジンはありません。${similar === '' ? '' : `似た名前: ${similar}`}`,
    route: (client, route, engines) =>
      `${client}は${route}を使いますが、${engines}は対応していません。flmは変換を行いません。`,
    noKey: 'キーがまだありません。--new-key LABELまたは`flm key create LABEL`で作成してください。',
    publicHost: (name) =>
      `プロキシは${name}宛てのリクエストに応答しません。停止してから、--public-host ${name}を付けて起動してください。`,
    certificateNames: (names, flag, name) =>
      `証明書の対象は${names}です。このいずれかを--hostで指定するか、プロキシを停止し、${flag} ${name}を付けて起動してください。`,
    loopback: (name) =>
      `プロキシはこのマシンのループバックアドレスだけで待ち受けています。${name}は、このアドレスに解決される場合だけ使えます。`,
    systemTrust: (client) =>
      `${client}は、システムが信頼する証明書を使います。\`flm cert trust\`を、ほかのマシンの場合は\`flm cert trust --device\`を実行してください。`,
    publicTrust: (client) =>
      `${client}は公的なCAだけを信頼します。--mode https-acme --domain NAMEを付けてプロキシを起動してください。`,
    namesAlone: (client) =>
      `${client}は、ローカルCAの証明書ではアドレスを受け付けません。NAME.localなどの名前を--hostで指定してください。`,
    clientCertificate: (file, client) =>
      `プロキシは、${file}が発行した証明書を持つクライアントだけを受け付けます。${client}でのクライアント証明書の設定は、flmでは提供していません。`,
  },
};
