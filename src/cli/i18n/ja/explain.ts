/** Texts of `flm explain`. */
import type { CliCatalogue } from '../catalogue.ts';

export const explain: CliCatalogue['explain'] = {
  help: 'エラーの内容、またはリクエストが拒否された理由を説明します',
  arguments: { name: 'エラーコード、または応答のx-request-id' },
  facts: {
    fix: '対処方法',
    clients: 'クライアントへの応答',
    retry: '再試行',
    exit: '終了ステータス',
    request: 'リクエスト',
    refused: '拒否',
    key: 'キー',
    model: 'モデル',
    rule: 'ルール',
    error: 'エラー',
  },
  forClients: (status, code) => `ステータス${status}${code === null ? '' : `、コード${code}`}`,
  exit: (status, meaning) => `${status}（${meaning}）`,
  exits: { 0: '完了', 1: 'ユーザーが対処できる問題', 2: 'flmまたはマシンの障害' },
  retries: {
    'never-sent': 'リクエストはどのエンジンにも送信されていません。もう一度送信できます',
    'maybe-sent': 'リクエストがエンジンに送信された可能性があるため、flmは再送信しません',
    answered: 'リクエストには応答が返されています。応答の内容に従ってください',
    'client-gone': 'クライアントが切断しました',
  },
  noKey: '有効なキーなし',
  key: (id, label) => `${id}（${label ?? 'ラベルなし'}）`,
  request: (method, path, client) => `${client}から${method} ${path}`,
  noRequest: (client) => `${client}からの接続で、リクエストを読み取れませんでした`,
  refused: (at, proxy, status) => `${at}、${proxy}${status === undefined ? '' : `、ステータス${status}`}`,
  error: (code, text) => `${code}: ${text}`,
};
