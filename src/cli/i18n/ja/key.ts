/** Texts of `flm key`, and of the rules of keys, which `flm share` takes too. */
import type { CliCatalogue } from '../catalogue.ts';

export const key: CliCatalogue['key'] = {
  columns: {
    label: 'ラベル',
    owner: '所有者',
    id: 'ID',
    key: 'キー',
    state: '状態',
    scopes: 'スコープ',
    expires: '有効期限',
    lastUsed: '最終使用',
    limits: '制限',
  },
  none: 'キーがありません。`flm key create LABEL`で作成できます。',
  noMatch: (all) => `${all}個のキーのうち、条件に一致するものはありません。`,
  states: { active: '有効', paused: '一時停止', expired: '期限切れ', revoked: '失効' },
  never: 'なし',
  unknown: '不明',
  noLimits: 'なし',
  lists: {
    models: (globs) => `モデル: ${globs}`,
    engines: (ids) => `エンジン: ${ids}`,
    endpoints: (routes) => `ルート: ${routes}`,
    addresses: (addresses) => `アドレス: ${addresses}`,
  },
  requestsPerMinute: (count, burst) =>
    `${count}リクエスト/分${burst === undefined ? '' : `（バースト${burst}）`}`,
  tokensPerMinute: (count) => `${count}トークン/分`,
  tokensPerDay: (count) => `${count}トークン/日`,
  concurrency: (count) => `同時${count}件`,
  facts: {
    id: 'ID',
    label: 'ラベル',
    owner: '所有者',
    note: 'メモ',
    key: 'キー',
    state: '状態',
    created: '作成日時',
    expires: '有効期限',
    lastUsed: '最終使用',
    scopes: 'スコープ',
    limits: '制限',
    used: '使用状況',
  },
  usedFrom: (when, address) => `${when}、${address}から`,
  unknownUse: (problem) => `キーの最終使用日時が分かりません: ${problem}`,
  advice: {
    expires: (name, at, id) =>
      `${name}の有効期限は${at}です。\`flm key set ${id} --expires 90d\`で延長するか、\`flm key rotate ${id} --overlap 7d\`で後継のキーを作成してください。`,
    idle: (name, days, id) => `${name}は${days}日間使われていません。失効させるには: flm key revoke ${id}`,
    sharedLabel: (ids, label, first) =>
      `${ids}のラベルが同じ（${label}）です。変更するには: flm key set ${first} --label LABEL`,
  },
  help: {
    key: 'APIキーを作成、変更、失効させます',
    create: 'キーを作成し、シークレットを1回だけ表示します',
    import:
      '標準入力から読み取った既存のシークレットでキーを作成します。CSVファイルからまとめて作成することもできます',
    list: 'キーとルールを一覧表示します',
    show: 'キーと、制限の使用状況を表示します',
    set: 'キーを変更します。フラグを指定しないルールは変わらず、リストは指定した内容に置き換わります',
    pause: '再開するまでキーを拒否します。実行中の応答は最後まで処理します',
    resume: '一時停止したキーを再開します',
    rotate: 'キーの新しいシークレットを作成し、古いシークレットを無効にします',
    revoke: 'キーを完全に失効させ、実行中の応答を終了します',
    delete: 'キーを削除します。使用量の記録は残ります',
  },
  arguments: {
    label: 'キーを使う人またはプログラムの名前',
    labelOrFile: 'キーを使う人またはプログラムの名前。または、1行に1キーを記述したファイル',
    key: 'キーのIDまたはラベル',
  },
  options: {
    search: 'ラベル、所有者、ID、先頭の文字にこの文字列を含むキーだけを表示します',
    owner: 'この所有者のキーだけを表示します',
    state: 'この状態のキーだけを表示します',
    csv: '表計算ソフト用の表を出力します。`key import`で読み込めます',
    label: 'キーを使う人またはプログラムの名前',
    clear: (rules) => `ルールを削除します: ${rules}（複数指定可）`,
    overlap: '古いシークレットが引き続き有効な期間（1dなど）。既定ではすぐに無効になります',
    yes: '確認せずに実行します',
  },
  rules: {
    owner: 'キーの責任者',
    note: '管理者用のメモ',
    scope: 'inference（既定）、engine:read、engine:admin、metrics、admin:read、admin（複数指定可）',
    model: 'このモデルだけを許可します。*は任意の文字列に一致します（複数指定可）',
    engine: 'このエンジンだけを許可します（複数指定可）',
    endpoint: 'chat.completionsなど、このルートだけを許可します（複数指定可）',
    ip: 'クライアントのアドレス、CIDR、アドレス範囲のうち、指定したものだけを許可します（複数指定可）',
    rpm: '1分あたりのリクエスト数',
    burst: '一度に送信できるリクエスト数',
    tpm: '1分あたりのトークン数',
    tokensPerDay: '1日あたりのトークン数（UTC）。すべてのプロキシの合計です',
    concurrency: '同時に処理するリクエスト数。キューで待機中のものも含みます',
    expires: '有効期限: 90d、12h、または2027-01-31などの日付',
  },
  csvColumns: (columns) => `CSVファイルの列: ${columns}。必須の列はlabelだけです。`,
  name: (id, label) => `${id}（${label}）`,
  created: (id, label) =>
    `${label}のキー${id}を作成しました。1回しか表示されないため、今すぐ保存してください。`,
  createdMany: (count) =>
    `${count}個のキーを作成しました。シークレットは1回しか表示されないため、今すぐ保存してください。`,
  imported: (id) =>
    `${id}としてインポートしました。クライアントは同じシークレットを使い続けることができます。`,
  known: (name) => `このシークレットは、すでに${name}に設定されています。`,
  rulesKept: (id) => `ラベルとルールは変わっていません。変更するには: flm key set ${id}`,
  changed: (name) => `${name}を変更しました。実行中のプロキシに適用されました。`,
  paused: (name, id) =>
    `${name}を一時停止しました。実行中の応答は最後まで処理されます。再開するには: flm key resume ${id}`,
  resumed: (name) => `${name}を再開しました。実行中のプロキシで再び使えます。`,
  revoked: (name, proxies, isConfirmed) => {
    const where = proxies === undefined ? '' : `${proxies}のメモリー上で`;
    return `${where}${name}を失効させました。${isConfirmed ? '実行中のプロキシで拒否されるようになりました。' : ''}`;
  },
  notStored: (problem) => `失効は保存されていません: ${problem}`,
  storedLater: (id) =>
    `各プロキシは、できるだけ早く失効を保存します。その前にプロキシが終了した場合は、もう一度実行してください: flm key revoke ${id}`,
  unreached: (proxies, first) =>
    `${proxies}では失効を確認できず、まだキーが使える可能性があります。プロキシを停止するには: flm proxy stop ${first}`,
  stillActive: (id, until) =>
    `同じキーの別のシークレット${id}は${until === undefined ? '' : `${until}まで`}引き続き有効です。失効させるには: flm key revoke ${id}`,
  deletes: (name) => `キー${name}を削除します。`,
  deleted: (id) => `${id}を削除しました。`,
  use: {
    tokensUnknown: '本日のトークン数: 不明',
    tokensToday: (used, limit) =>
      limit === null ? `本日${used}トークンを使用（UTC）` : `本日${limit}トークンのうち${used}を使用（UTC）`,
    inProgress: (running, limit) =>
      limit === null ? `${running}件を処理中` : `同時${limit}件のうち${running}件を処理中`,
    requests: (used, burst, perMinute, freeInSeconds) =>
      `バースト${burst}件のうち${used}件を使用（1分あたり${perMinute}件${freeAgain(freeInSeconds)}）`,
    tokens: (used, limit, freeInSeconds) =>
      `1分あたり${limit}トークンのうち${used}を使用${freeInSeconds <= 0 ? '' : `（${freeInSeconds}秒後に回復）`}`,
    inProxy: (id, parts) => `${id}: ${parts.join('、')}`,
    noProxy: '実行中のプロキシがないため、ほかの制限の使用状況は分かりません。',
  },
  problems: {
    noSecret: '標準入力が空です。シークレットをパイプで渡すか、ファイルからリダイレクトしてください。',
    rulesInColumns: 'CSVファイルを使う場合、ルールは列で指定してください。',
    overlap: '--overlapには、1d、12h、30mなどの期間を指定してください。',
    expires: '--expiresには、90dや12hなどの期間、または2027-01-31などの日付を指定してください。',
  },
};

function freeAgain(seconds: number): string {
  return seconds <= 0 ? '' : `、${seconds}秒後に回復`;
}
