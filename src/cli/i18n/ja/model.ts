/** Texts of `flm model`. */
import type { CliCatalogue } from '../catalogue.ts';

export const model: CliCatalogue['model'] = {
  help: {
    model: 'モデルを一覧表示し、別名を管理します',
    list: '利用できるモデルと別名を一覧表示します',
    alias: 'モデルに、クライアント向けの別名を付けます',
    unalias: '別名を削除します',
  },
  arguments: {
    name: 'クライアントが使う名前',
    target: 'モデル、またはengine/model',
    alias: '別名の名前',
  },
  options: { proxy: 'このプロキシ（IDまたはプロファイル）のモデルだけを表示します' },
  columns: {
    model: 'モデル',
    engine: 'エンジン',
    context: 'コンテキスト長',
    loaded: '読み込み済み',
    notes: '備考',
  },
  none: 'モデルがありません。応答しているエンジンがありません。`flm engine detect`と`flm engine list`で確認してください。',
  yes: 'はい',
  no: 'いいえ',
  means: (name, target, before) =>
    `${name}を${target}の別名にしました。${before === undefined ? '' : `以前の設定は${before}です。`}`,
  hides: (name, target) =>
    `${name}という名前のモデルがエンジンにありますが、クライアントには${target}が提供されます。元に戻すには: flm model unalias ${name}`,
  missing: (target, similar) =>
    `現在、${target}を提供しているエンジンはありません。${similar === '' ? '' : `似た名前: ${similar}。`}別名は、エンジンがこのモデルを提供すると使えるようになります。`,
  removed: (name) => `別名${name}を削除しました。`,
  notes: {
    alias: (target) => `${target}の別名`,
    unavailable: '提供中のエンジンなし',
    path: (command) => `ファイルのパスです。名前を付けるには: ${command}`,
    remote: 'このマシンの外に送信されます。スコープengine:adminが必要です',
    others: (engines) => `${engines}でも利用可能`,
  },
};
