/** Texts of `flm connect`, of the settings that it writes, and of the waits for a first request. */
import type { CliCatalogue } from '../catalogue.ts';

export const connect: CliCatalogue['connect'] = {
  help: {
    connect: 'クライアントの設定を表示します。クライアントを省略すると、一覧を表示します',
    after: '--waitと--jsonを指定すると、リクエストを表す2つ目のJSONドキュメントを出力します。',
  },
  arguments: { client: 'クライアントの名前、または名前の先頭部分' },
  options: {
    model: '使用するモデル。既定では先頭のモデル',
    host: 'クライアントからこのマシンに接続するときのホスト名（host.docker.internalなど）',
    key: '使用するキー。既定では、設定で環境変数FLM_API_KEYを参照します',
    newKey: 'キーを作成して使います',
    proxy: 'IDまたはプロファイル。実行中のプロキシが1つなら省略できます',
    wait: '最初に成功するリクエストを待ちます。拒否されたリクエストも表示します',
    write: '差分を表示して確認したうえで、クライアントの設定ファイルに書き込みます',
    undo: 'ファイルを最後の--writeの前の状態に戻します',
    file: '--writeと--undoの対象のファイル。既定ではクライアントの標準のファイル',
    yes: '確認せずに書き込みます',
  },
  columns: { client: 'クライアント', name: '名前', route: '使用するルート' },
  showOne: '設定を表示するには: flm connect CLIENT',
  waiting: (client) => `${client}からのリクエストを待っています（Ctrl-Cで終了）…`,
  cameThrough: 'リクエストが届きました',
  success: ({ method, path, client, key, model, engine, status, firstByte, ending, took }) =>
    [
      `${client}から${method} ${path}`,
      ...(key === null ? [] : [`キー${key}`]),
      ...(model === null ? [] : [`モデル${model}（${engine}）`]),
      `ステータス${status}`,
      ...(firstByte === null ? [] : [`最初のバイトまで${firstByte}`]),
      `結果${ending}（${took}）`,
    ].join('、'),
  refused: ({ method, path, client, status, code, rule, id }) => {
    const why = code === null ? 'エンジンによる拒否' : `${code}${rule === null ? '' : `（ルール: ${rule}）`}`;
    return `リクエストが拒否されました: ${client}から${method} ${path}、ステータス${status}、${why}。詳細: flm explain ${id}`;
  },
  hasSettings: (path) => `${path}は、すでにこの設定になっています。`,
  changes: (path) => `${path}を変更します。`,
  changed: (path, undo, strong) => `${path}を${strong('変更しました')}。元に戻すには: ${undo}`,
  othersRead: (path) =>
    `このマシンのほかのユーザーが、${path}のキーを読み取れる可能性があります: chmod 600 ${path}`,
  removed: (path) => `${path}を削除しました。`,
  restored: (path) => `${path}を元に戻しました。`,
  problems: {
    fileFlags: '--fileと--yesは、--writeと一緒に指定してください。',
    undoAlone: '--undoと一緒に指定できるのは--fileだけです。',
    host: '--hostには、ホスト名またはアドレスだけを指定してください。スキームとポートは付けません。',
    noModel: 'モデルを提供しているエンジンがまだありません。--modelでモデルを指定してください。',
    unknownClient: (name, similar, known) =>
      `${name}の設定はありません。${similar === '' ? '' : `似た名前: ${similar}。`}設定があるクライアント: ${known}`,
    needsKey: (client) =>
      `${client}は、このファイルからしかキーを読み取りません。--key KEYまたは--new-key LABELを指定してください。`,
    nothingToUndo: (path) => `元に戻す変更がありません。flmは${path}を変更していません。`,
    nothingToUndoOf: (client) => `元に戻す変更がありません。flmは${client}のファイルを変更していません。`,
    noFile: (client, id) =>
      `${client}には、flmが編集できる設定ファイルがありません。\`flm connect ${id}\`で表示される設定を貼り付けてください。`,
    nameFile: (client, place) =>
      `${client}の${place}はプロジェクトごとに異なります。--fileで指定してください。`,
  },
  faults: {
    changedMeanwhile: '処理中にファイルが変更されました',
    changedSince: (copy) =>
      `flmの書き込み後にファイルが変更されています${copy === undefined ? '' : `。変更前のファイル: ${copy}`}`,
    symbolicLink:
      'シンボリックリンクです。リンク先のファイルを--fileで指定するか、設定を手作業で貼り付けてください',
    noFile: 'ファイルではありません',
    otherUser: '別のユーザーのファイルです',
    hardLinks: '複数の名前（ハードリンク）があり、置き換えると別々のファイルになります',
    readOnly: '書き込みが許可されていません',
    tooLarge: (bytes) => `サイズが${bytes}バイトを超えています`,
    notUtf8: 'UTF-8のテキストではありません',
    folderIsLink: (folder) =>
      `フォルダー${folder}がシンボリックリンクです。リンクを含まないパスを--fileで指定してください`,
    noFolder: (folder) => `${folder}はフォルダーではありません`,
    folderOfOther: 'フォルダーの所有者が別のユーザーです',
    folderForAll: 'すべてのユーザーがフォルダーに書き込めます',
    notJson: (line, column, reason) => `${line}行${column}列がJSONではありません（${reason}）`,
    notToml: (line, column) => `${line}行${column}列がTOMLではありません`,
    notYaml: (line, column, reason) => `${line}行${column}列がYAMLではありません（${reason}）`,
    twice: (name) => `${name}が2回あります`,
    noJson: 'JSONがありません',
    severalDocuments: '複数のドキュメントがあります',
    notEditable: (place) => `${place}の書き方にflmが対応していません`,
    listEntry: 'リストに、テーブルではない項目があります',
    wantsValue: 'flmが値を設定する箇所に、リストまたはテーブルがあります',
    nameWithoutPlace: '位置の分からない名前があります',
    valueWithoutPlace: '位置の分からない値があります',
    noTable: (place) => `${place}がテーブルではありません`,
    wholeFile: 'ファイル全体',
    notList: (place) => `${place}がリストではありません`,
    notTable: (place) => `${place}が名前と値のテーブルではありません`,
    notValue: (place) => `${place}が単一の値ではありません`,
    noPlace: 'この設定を追加できる形式ではありません。手作業で貼り付けてください',
  },
  systemFaults: {
    EACCES: 'このユーザーには権限がありません',
    EPERM: 'このユーザーには権限がありません',
    EROFS: 'ディスクが読み取り専用です',
    ENOSPC: 'ディスクの空き容量がありません',
    EDQUOT: 'ディスクのクォータを使い切っています',
    EEXIST: '処理中にファイルが変更されました',
    ELOOP: 'シンボリックリンクです',
    ENOTDIR: 'パスの途中にファイルがあります',
    ENAMETOOLONG: 'パスが長すぎます',
  },
};
