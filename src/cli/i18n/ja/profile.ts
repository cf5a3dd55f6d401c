import type { CliCatalogue } from '../catalogue.ts';

/** Texts of `flm profile`. */
export const profile: CliCatalogue['profile'] = {
  about: {
    profile: 'プロキシの設定をプロファイルとして管理します',
    list: '保存済みのプロファイルの一覧を表示します',
    show: 'プロファイルを、既定値も含めて表示します',
    save: '設定をプロファイルに保存します。フラグで指定しない設定は変わりません',
    delete: 'プロファイルを削除します。そのプロファイルで実行中のプロキシは動き続けます',
    export: 'プロファイルをYAMLで出力します。Gitでの管理などに使えます',
    import: 'YAMLまたはJSONのファイルからプロファイルを保存します。プロファイル全体が置き換わります',
    schema: 'プロファイルのファイルのJSON Schemaを、エディター用に出力します',
  },
  options: {
    name: 'プロファイルの名前',
    nameToSave: 'プロファイルの名前。名前を指定しないコマンドはプロファイルdefaultを使用',
    yes: '確認せずに実行します',
    file: '読み込むファイル。標準入力の場合は-',
    saveAs: 'この名前でプロファイルを保存します',
  },
  none: '保存済みのプロファイルはありません。`flm proxy start`は既定の設定で起動します。設定を保存するには`flm profile save NAME`を実行してください。',
  effect: (name) => `プロファイル${name}を削除します。`,
  deleted: (name) => `プロファイル${name}を削除しました。`,
  saved: (name) => `プロファイル${name}を保存しました。`,
  imported: (name) => `プロファイル${name}をインポートしました。`,
  start: (command) => `起動するには: \`${command}\``,
  keepsRunning: (id) =>
    `${id}は以前の設定のまま動いています。新しい設定を適用するには: \`flm proxy restart ${id}\``,
  columns: {
    name: '名前',
    running: '実行中',
    saved: '保存日時',
    settings: '設定',
    setting: '設定',
    value: '値',
    from: '由来',
  },
  facts: { name: '名前', saved: '保存日時', running: '実行中' },
  notRunning: 'なし',
  neverSaved: '未保存',
  from: { profile: 'プロファイル', default: '既定値' },
  ofMode: 'モードの既定値',
  onlyDefaults: '既定値のみ',
  emptyList: 'なし',
};
