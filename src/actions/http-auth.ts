/** How `http.request` shows who it is. */
import type { ActionContext, GrantedCredential } from "../core/definition/action.ts";
import { PermanentError } from "../core/run/failures.ts";
import type { HttpAuth } from "./http-types.ts";
import { accessToken } from "./oauth2.ts";

type Asking = Pick<ActionContext<unknown>, "credential" | "fetch" | "redact" | "run" | "signal">;

/** What of a credential goes into the requests of one attempt. */
export class Authorisation {
  readonly #auth: HttpAuth;
  readonly #credential: GrantedCredential;
  readonly #context: Asking;
  #token: string | undefined;

  /** `null`: the request says nothing of who it is. */
  static async of(auth: HttpAuth | undefined, context: Asking): Promise<Authorisation | null> {
    return auth ? new Authorisation(auth, await context.credential(auth.credential), context) : null;
  }

  private constructor(auth: HttpAuth, credential: GrantedCredential, context: Asking) {
    this.#auth = auth;
    this.#credential = credential;
    this.#context = context;
  }

  /** Hosts that it may go to; `null`: any. */
  get allowHosts(): readonly string[] | null {
    return this.#credential.allowHosts;
  }

  /** After a 401: whether another try with another token may help. */
  get canRenew(): boolean {
    return this.#auth.type === "oauth2";
  }

  /** Puts it into a request. `renewed`: not the token of the request before. */
  async put({ url, headers }: { url: URL; headers: Headers }, renewed = false): Promise<void> {
    const auth = this.#auth;
    switch (auth.type) {
      case "bearer":
        return headers.set("authorization", `Bearer ${this.#field("token")}`);
      case "basic":
        return headers.set("authorization", basic(this.#field("username"), this.#field("password")));
      case "oauth2":
        return headers.set("authorization", `Bearer ${await this.#accessToken(renewed)}`);
      case "apiKey":
        if ("header" in auth) headers.set(auth.header, this.#field("key"));
        else url.searchParams.set(auth.query, this.#field("key"));
    }
  }

  async #accessToken(renewed: boolean): Promise<string> {
    const refused = renewed ? this.#token : undefined;
    const asked = { name: this.#auth.credential, credential: this.#credential, refused };
    this.#token = await accessToken(asked, this.#context);
    this.#context.redact(this.#token);
    return this.#token;
  }

  #field(name: string): string {
    const value = this.#credential.fields[name];
    if (value !== undefined) return value;
    throw new PermanentError(`Credential "${this.#auth.credential}" has no field "${name}".`);
  }
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
