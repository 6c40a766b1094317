/** One connection to a foreign database: opened, used for one transaction, and closed. */
import { Socket } from "node:net";
import pg from "pg";
import type { ActionContext } from "../core/definition/action.ts";
import type { Json } from "../core/json.ts";
import { PermanentError } from "../core/run/failures.ts";
import type { SqlAccount } from "./sql-account.ts";
import { SqlError, type SqlStage } from "./sql-error.ts";
import { columnTypes } from "./sql-values.ts";

/** What a statement gives. */
export interface Answer {
  /** `SELECT`, `INSERT`, `COMMIT`: the first word of what the server says. */
  readonly command: string;
  /** `null`: the statement counts none. */
  readonly rowCount: number | null;
  readonly columns: readonly string[];
}

export interface Statement {
  readonly text: string;
  readonly values?: readonly (string | null)[];
  /** Told of each row as it comes. What it throws ends the connection, and is what the statement fails with. */
  readonly onRow?: (row: readonly Json[], columns: readonly string[]) => void;
}

type Outside = Pick<ActionContext<unknown>, "connect" | "signal">;

export interface SessionSettings {
  readonly account: SqlAccount;
  /** From the beginning of the connection to its end. Then it is given up. */
  readonly totalMs: number;
}

/** Of one statement, as the server sends it. `onRow` sees a row when it is there as a whole; this holds while it is on its way. */
const MAX_ANSWER_BYTES = 4 << 20;
const CANCEL_MS = 5_000;

/**
 * Connects to the addresses that the engine allows, and lends the connection to `use`.
 *
 * Throws `SqlError`, the reason of the signal, what `ctx.connect` throws and what `use` throws.
 */
export async function inSession<Result>(
  { account, totalMs }: SessionSettings,
  { connect, signal: stop }: Outside,
  use: (session: SqlSession) => Promise<Result>,
): Promise<Result> {
  const { host, port, allowHosts } = account;
  const silence = new AbortController();
  let session: SqlSession | undefined;
  const giveUp = (): void => silence.abort(unanswered(totalMs, session?.stage));
  const timer = setTimeout(giveUp, totalMs);
  const signal = AbortSignal.any([stop, silence.signal]);
  const breakOff = (): void => session?.breakOff(signal.reason as Error);
  try {
    const socket = await connect({ host, port, allowHosts, signal });
    if (!(socket instanceof Socket)) throw new TypeError("ctx.connect gives sockets of node:net.");
    session = new SqlSession(account, socket, () => connect({ host, port, allowHosts }) as Promise<Socket>);
    signal.addEventListener("abort", breakOff);
    signal.throwIfAborted();
    await session.open();
    const result = await use(session);
    session.end();
    return result;
  } catch (error) {
    session?.breakOff(error as Error);
    signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", breakOff);
  }
}

export class SqlSession {
  /** How far the transaction has come, as errors are to be understood. */
  stage: SqlStage = "connect";
  readonly #client: ForeignClient;
  readonly #connectAgain: () => Promise<Socket>;
  #broken: Error | null = null;
  #isBusy = false;
  #unread = MAX_ANSWER_BYTES;

  constructor(account: SqlAccount, socket: Socket, connectAgain: () => Promise<Socket>) {
    this.#client = new ForeignClient(account, socket);
    this.#connectAgain = connectAgain;
    // What it tells is told by the statement too, where there is one.
    this.#client.on("error", () => undefined);
  }

  async open(): Promise<void> {
    try {
      await this.#client.connect();
    } catch (error) {
      throw this.#failure(error);
    }
    this.#client.connection.stream.on("data", ({ length }: Buffer) => {
      this.#unread -= length;
      if (this.#unread < 0) this.breakOff(tooLarge());
    });
  }

  /** Whether a transaction is open that can be committed. */
  get isInTransaction(): boolean {
    return this.#client.getTransactionStatus() === "T";
  }

  /** Statements of the action itself, without values. */
  async command(text: string): Promise<void> {
    await this.#run(async () => void (await this.#client.query(text)));
  }

  /** Exactly one statement: the protocol that it is sent by knows no more. */
  query({ text, values = [], onRow = () => undefined }: Statement): Promise<Answer> {
    const config = { text, values: [...values], rowMode: "array", queryMode: "extended" } as const;
    const query = new pg.Query<Json[]>(config as unknown as pg.QueryArrayConfig);
    this.#unread = MAX_ANSWER_BYTES;
    return this.#run(
      () =>
        new Promise((done, fail) => {
          query.on("row", (row, result) => {
            if (this.#broken) return;
            try {
              onRow(row, columnsOf(result));
            } catch (error) {
              this.breakOff(error as Error);
            }
          });
          query.on("error", fail);
          query.on("end", (result) => {
            const { command, rowCount } = result;
            done({ command, rowCount, columns: columnsOf(result) });
          });
          this.#client.query(query);
        }),
    );
  }

  /** What was to be done is done: whether the good-bye arrives does not matter. */
  end(): void {
    this.#client.end().catch(() => undefined);
  }

  /** Without a good-bye: the server rolls back. A statement that it is busy with is called off, as it would not look up before its end. */
  breakOff(reason: Error): void {
    if (this.#broken) return;
    this.#broken = reason;
    this.#client.drop();
    if (this.#isBusy) this.#cancel().catch(() => undefined);
  }

  async #run<Value>(send: () => Promise<Value>): Promise<Value> {
    this.#isBusy = true;
    try {
      const value = await send();
      // The rest of the answer may have come together with what it was broken off for.
      if (this.#broken === null) return value;
    } catch (error) {
      throw this.#failure(error);
    } finally {
      this.#isBusy = false;
    }
    throw this.#broken;
  }

  #failure(error: unknown): Error {
    return this.#broken ?? new SqlError(error as Error, this.stage);
  }

  /** A message of its own to the server, by another connection. What it holds is of no use when this connection is gone. */
  async #cancel(): Promise<void> {
    const message = this.#client.cancelMessage();
    if (message === null) return;
    const socket = await this.#connectAgain();
    socket.on("error", () => undefined);
    socket.unref();
    socket.setTimeout(CANCEL_MS, () => socket.destroy());
    socket.end(message);
    socket.resume();
  }
}

/** The driver's client over a connection that is there already, and without what the process has set for others: `PG...`, `pg.defaults`. */
class ForeignClient extends pg.Client {
  readonly #account: SqlAccount;
  readonly #socket: Socket;

  constructor(account: SqlAccount, socket: Socket) {
    const { host, port, database, username, password, tls, ca } = account;
    super({
      host,
      port,
      database,
      user: username,
      // As text, an empty one would be looked for in the environment and in `~/.pgpass`.
      password: () => password ?? "",
      ssl: tls === "verify" && { rejectUnauthorized: true, ...(ca === null ? {} : { ca }) },
      sslnegotiation: "postgres",
      stream: () => connected(socket),
      types: columnTypes as unknown as pg.CustomTypesConfig,
    });
    this.#account = account;
    this.#socket = socket;
    Object.assign(this, { binary: false });
  }

  /** What the driver says to the server at first. */
  getStartupConf(): object {
    const { database, username } = this.#account;
    return { user: username, database, application_name: "flowforge", client_encoding: "UTF8" };
  }

  drop(): void {
    this.connection.stream.destroy();
    this.#socket.destroy();
  }

  /** `null`: the server has not said by what it is called off. */
  cancelMessage(): Buffer | null {
    const { processID, secretKey } = this as unknown as Record<"processID" | "secretKey", number | null>;
    if (processID === null || secretKey === null) return null;
    const message = Buffer.alloc(16);
    for (const [index, word] of [16, 80_877_102, processID, secretKey].entries())
      message.writeInt32BE(word, index * 4);
    return message;
  }
}

/** The driver connects whatever it is given. */
function connected(socket: Socket): Socket {
  return Object.assign(socket, {
    connect: () => {
      process.nextTick(() => socket.emit("connect"));
      return socket;
    },
  });
}

function columnsOf(result: pg.ResultBuilder | undefined): readonly string[] {
  return (result?.fields ?? []).map(({ name }) => name);
}

function unanswered(ms: number, stage: SqlStage = "connect"): SqlError {
  return new SqlError(new Error(`The database has not answered within ${ms} ms.`), stage);
}

function tooLarge(): PermanentError {
  return new PermanentError(`The answer has more than ${MAX_ANSWER_BYTES} bytes. Ask for less.`);
}
