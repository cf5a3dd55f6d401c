/** How engines answer, what a request would make them do, and advice about them. */
import type { Phrase } from '../../phrase.ts';

export const enginePhrases: readonly Phrase[] = [
  // Probes: `src/core/engine/probe.ts`, `src/engines/`.
  ['it {what}', '{what}'],
  ['not asked yet', '未確認'],
  ['no longer watched', '監視対象外'],
  ['asks for an API key, or does not accept this one', 'APIキーが必要か、現在のキーを受け付けません'],
  ['asks for an API key', 'APIキーが必要です'],
  [
    'refuses flm (403): a key or its list of allowed hosts',
    'flmを拒否しました（403。キーまたは許可するホストの一覧を確認してください）',
  ],
  ['is busy ({status})', '混雑しています（{status}）'],
  ['fails with status {status}', 'ステータス{status}でエラーになります'],
  ['answers, but not like {expected}', '応答しますが、{expected}の応答ではありません'],
  ['answers, but not like an LLM engine', '応答しますが、LLMエンジンの応答ではありません'],
  ['an OpenAI-compatible server', 'OpenAI互換サーバー'],
  ['the demo engine of flm', 'flmのデモエンジン'],
  ['is loading its model', 'モデルを読み込み中です'],
  [
    'answers, but the engine process behind it is dead',
    '応答しますが、背後のエンジンのプロセスが停止しています',
  ],
  ['is a proxy of flm itself', 'flm自身のプロキシです'],
  ['was not asked for it', '確認していません'],
  ['answers with more than any list of models', 'モデルの一覧としては大きすぎる応答です'],
  ['the probe was cancelled', '確認を中止しました'],
  ['gave no answer within {limit} ms', '{limit}ms以内に応答がありませんでした'],
  ['refuses connections', '接続を拒否しています'],
  ['shows a certificate that {why}', '証明書を確認できません（{why}）'],
  ['cannot be reached in time', '時間内に接続できませんでした'],
  ['cannot be reached ({code})', '接続できません（{code}）'],
  ['did not answer the test request ({reason})', 'テストリクエストに応答しませんでした（{reason}）'],
  ['answered the test request with {status}', 'テストリクエストに{status}で応答しました'],
  ['gave no answer in time', '時間内に応答がありませんでした'],
  ['does not speak HTTP/1.1', 'HTTP/1.1で応答しません'],
  ['closed the connection before it had answered', '応答する前に接続を閉じました'],
  [
    'signs itself; give its own file as CA: --ca FILE',
    '自己署名です。その証明書のファイルをCAとして指定してください: --ca FILE',
  ],
  [
    'comes from a CA that is not trusted here; give the CA: --ca FILE',
    'ここで信頼されていないCAのものです。CAを指定してください: --ca FILE',
  ],
  ['has expired; renew it at the engine', '有効期限が切れています。エンジン側で更新してください'],
  [
    'is not valid yet; look at the clocks of both machines',
    'まだ有効ではありません。両方のマシンの時計を確認してください',
  ],
  ['is for another name; use a name that it holds', '別の名前のものです。証明書にある名前を使ってください'],
  ['answers with status {status}: {said}', 'ステータス{status}を返しました: {said}'],
  ['answers with status {status}', 'ステータス{status}を返しました'],
  // How an engine stops to answer to the network.
  ['nothing to do', '対応は不要です'],
  [
    'install the runner again with `docker model reinstall-runner --host 127.0.0.1`',
    '`docker model reinstall-runner --host 127.0.0.1`でランナーをインストールし直す',
  ],
  ['set the Server Host of Jan to 127.0.0.1', 'JanのServer Hostを127.0.0.1にする'],
  [
    'start KoboldCpp with `--host 127.0.0.1`: without it, it listens on all addresses',
    'KoboldCppを`--host 127.0.0.1`付きで起動する（付けないと全アドレスで待ち受けます）',
  ],
  ['set the host of Lemonade to 127.0.0.1 and restart it', 'Lemonadeのホストを127.0.0.1にして再起動する'],
  ['start llama-swap with `--listen 127.0.0.1:8080`', 'llama-swapを`--listen 127.0.0.1:8080`付きで起動する'],
  ['start FastFlowLM with `--host 127.0.0.1`', 'FastFlowLMを`--host 127.0.0.1`付きで起動する'],
  ['start llama-server with `--host 127.0.0.1`', 'llama-serverを`--host 127.0.0.1`付きで起動する'],
  ['turn "Serve on Local Network" off in LM Studio', 'LM Studioの「Serve on Local Network」をオフにする'],
  [
    'set LOCALAI_ADDRESS=127.0.0.1:8080 for LocalAI and restart it',
    'LocalAIにLOCALAI_ADDRESS=127.0.0.1:8080を設定して再起動する',
  ],
  ['start mlx_lm.server with `--host 127.0.0.1`', 'mlx_lm.serverを`--host 127.0.0.1`付きで起動する'],
  [
    'set OLLAMA_HOST=127.0.0.1 for Ollama and restart it',
    'OllamaにOLLAMA_HOST=127.0.0.1を設定して再起動する',
  ],
  ['make the engine listen only on 127.0.0.1', 'エンジンの待ち受けを127.0.0.1だけにする'],
  ['start SGLang with `--host 127.0.0.1`', 'SGLangを`--host 127.0.0.1`付きで起動する'],
  [
    'set `host: 127.0.0.1` under `network` in the config.yml of TabbyAPI',
    'TabbyAPIのconfig.ymlの`network`に`host: 127.0.0.1`を設定する',
  ],
  [
    'start vLLM with `--host 127.0.0.1`: without it, it listens on all addresses',
    'vLLMを`--host 127.0.0.1`付きで起動する（付けないと全アドレスで待ち受けます）',
  ],
  // How an engine gets a larger context.
  [
    'Raise the context length where you start the engine, or choose another model with --model.',
    'エンジンの起動時にコンテキスト長を大きくするか、--modelで別のモデルを指定してください。',
  ],
  [
    'Run: docker model configure --context-size {tokens} {model}',
    '実行してください: docker model configure --context-size {tokens} {model}',
  ],
  ['Start FastFlowLM with --ctx-len {tokens}.', 'FastFlowLMを--ctx-len {tokens}付きで起動してください。'],
  [
    'Set the Context Size to {tokens} in the settings of the model in Jan.',
    'Janのモデルの設定でContext Sizeを{tokens}にしてください。',
  ],
  [
    'Start KoboldCpp with --contextsize {tokens}.',
    'KoboldCppを--contextsize {tokens}付きで起動してください。',
  ],
  [
    'Set ctx_size to {tokens} in the configuration of Lemonade.',
    'Lemonadeの設定でctx_sizeを{tokens}にしてください。',
  ],
  [
    "Raise it in the `cmd` of the model in llama-swap's config.yaml (for llama-server: -c {tokens}).",
    'llama-swapのconfig.yamlにあるモデルの`cmd`で大きくしてください（llama-serverの場合: -c {tokens}）。',
  ],
  [
    'Start llama-server with -c {tokens}, times the number of its slots (-np), which share it.',
    'llama-serverを-cに{tokens}×スロット数（-np）の値を付けて起動してください。コンテキストはスロット間で分けられます。',
  ],
  [
    'Set its Context Length in LM Studio when you load it, or: lms load {model} --context-length {tokens}',
    'LM Studioで読み込むときにContext Lengthを設定するか、次を実行してください: lms load {model} --context-length {tokens}',
  ],
  [
    "Set context_size: {tokens} in the model's YAML file of LocalAI.",
    'LocalAIのモデルのYAMLファイルにcontext_size: {tokens}を設定してください。',
  ],
  [
    'mlx-lm uses the context of the model itself: choose another model with --model.',
    'mlx-lmはモデル自体のコンテキスト長を使います。--modelで別のモデルを指定してください。',
  ],
  [
    'Start Ollama with OLLAMA_CONTEXT_LENGTH={tokens}, or make a model of it whose Modelfile has "PARAMETER num_ctx {tokens}".',
    'OllamaをOLLAMA_CONTEXT_LENGTH={tokens}で起動するか、Modelfileに「PARAMETER num_ctx {tokens}」と書いたモデルを作成してください。',
  ],
  [
    'Start SGLang with --context-length {tokens}.',
    'SGLangを--context-length {tokens}付きで起動してください。',
  ],
  [
    'Set max_seq_len: {tokens} under model in the config.yml of TabbyAPI.',
    'TabbyAPIのconfig.ymlのmodelにmax_seq_len: {tokens}を設定してください。',
  ],
  ['Start vLLM with --max-model-len {tokens}.', 'vLLMを--max-model-len {tokens}付きで起動してください。'],
  // What a request would do.
  ["run tools on the engine's machine", 'エンジンのマシンでのツールの実行'],
  ['send the prompt to {where}', 'プロンプトの外部（{where}）への送信'],
  ['run MCP tools', 'MCPツールの実行'],
  ['a remote provider', '外部のプロバイダー'],
  ['a cloud provider', 'クラウドのプロバイダー'],
  ['a peer of llama-swap', 'llama-swapのピア'],
  ['send searches to a search engine', '検索エンジンへの検索の送信'],
  ['send searches to ollama.com', 'ollama.comへの検索の送信'],
  ['unload the model', 'モデルのアンロード'],
  ['load the model without a question', '質問なしでのモデルの読み込み'],
  ['unload the model after the answer', '応答後のモデルのアンロード'],
  ['keep the model in memory for longer than an hour', 'モデルを1時間より長くメモリーに保持すること'],
  ['reload the model with other options', '別のオプションでのモデルの再読み込み'],
  ['change when the model is unloaded', 'モデルがアンロードされる時期の変更'],
  ['load an adapter from a path or a repository', 'パスまたはリポジトリーからのアダプターの読み込み'],
  ['load a second model', '2つ目のモデルの読み込み'],
  ["run the client's code in the engine", 'エンジン内でのクライアントのコードの実行'],
  ['make the engine connect to another host', 'エンジンからほかのホストへの接続'],
  ['use further models ({field})', 'ほかのモデルの使用（{field}）'],
  // Which engines serve a route.
  ['no running engine supports it', '対応している動作中のエンジンはありません'],
  ['none is visible', '使えるエンジンがありません'],
  ['no engine here does', '対応しているエンジンはありません'],
  ['these do: {names}', '対応しているエンジン: {names}'],
  ['no Ollama runs here', 'Ollamaが動作していません'],
];
