/**
 * Signing keys in this browser, and the statements that they sign (docs/spec/ledger.md, section 5).
 *
 * A key is made by WebCrypto, cannot be exported, and lies in IndexedDB: pages of this origin can use it, and
 * nobody can take it away. Browsers without Ed25519, and pages without https, have none.
 */
import { type Answers, getAssignment, type Signed } from "./api";
import { listSigningKeys, type SigningKeys } from "./api.people";

/** What an actor says about one act. */
export interface Statement {
  origin: string;
  kind: string;
  /** Place that the act answers. */
  answers: readonly [string, number];
  /** The actor's clock, ms since 1970. */
  clock: number;
  public: { readonly [field: string]: number | string };
  /** Private field -> commitment, base64url. */
  commitments: { readonly [field: string]: string };
}

interface Kept {
  holder: string;
  id: string;
  pair: CryptoKeyPair;
}

const text = new TextEncoder();

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

async function sha256(...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** The text to sign. */
export function statementText(said: Statement): string {
  const ascending = <T>(fields: { readonly [field: string]: T }) =>
    Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = ["evenhand/statement/v2", said.origin, said.kind, said.answers.join(" "), String(said.clock)];
  for (const [field, value] of ascending(said.public)) lines.push(`b ${field} ${JSON.stringify(value)}`);
  for (const [field, value] of ascending(said.commitments)) lines.push(`c ${field} ${value}`);
  return lines.map((line) => `${line}\n`).join("");
}

export async function commitment(origin: string, kind: string, field: string, salt: Uint8Array, value: Uint8Array): Promise<string> {
  const context = text.encode(`${origin}|${kind}|${field}`);
  const length = Uint8Array.of(context.length >> 8, context.length & 255);
  return base64url(await sha256(text.encode("evenhand/commit/v1\0"), length, context, salt, value));
}

export async function keyId(holder: string, key: Uint8Array): Promise<string> {
  return hex(await sha256(text.encode(`evenhand/key/v1\0${holder}\0`), key)).slice(0, 32);
}

export const possessionText = (origin: string, holder: string, key: Uint8Array): string =>
  `evenhand/key/v1\n${origin}\n${holder}\n${base64url(key)}\n`;

/** The pseudonym of an assignment in the ledger. */
export async function slotOf(assignment: string): Promise<string> {
  return hex(await sha256(text.encode(`evenhand/slot/v1\0${assignment}`))).slice(0, 32);
}

async function sign(pair: CryptoKeyPair, message: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, text.encode(message))));
}

// -- keys of this browser

/** Whether this browser can make keys here. */
export async function canSign(): Promise<boolean> {
  try {
    await newPair();
    (await open()).close();
    return true;
  } catch {
    return false;
  }
}

async function newPair(): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
}

function outcome<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB failed"));
  });
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open("evenhand-signing", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("keys");
  return outcome(request);
}

/** Make a key that is kept here; gives what the node needs to take it. `keep` puts it into this browser. */
export async function makeKey(origin: string, holder: string) {
  const pair = await newPair();
  const key = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const proof = await sign(pair, possessionText(origin, holder, key));
  const id = await keyId(holder, key);
  const keep = () => change((keys) => keys.put({ holder, id, pair } satisfies Kept, id));
  return { id, public: base64url(key), proof, keep };
}

async function change(make: (keys: IDBObjectStore) => void): Promise<void> {
  const db = await open();
  try {
    const tx = db.transaction("keys", "readwrite", { durability: "strict" });
    make(tx.objectStore("keys"));
    await new Promise<void>((resolve, reject) => {
      tx.oncomplete = () => resolve();
      tx.onabort = () => reject(tx.error ?? new Error("IndexedDB refused the transaction"));
    });
  } finally {
    db.close();
  }
}

/** Forget a key. */
export const dropKey = (id: string): Promise<void> => change((keys) => keys.delete(id));

async function kept(): Promise<Kept[]> {
  try {
    const db = await open();
    const all = await outcome<Kept[]>(db.transaction("keys").objectStore("keys").getAll());
    db.close();
    return all;
  } catch {
    return [];
  }
}

/** The key of this browser that is in force among these; undefined when there is none. */
export async function keyHere(keys: SigningKeys): Promise<Kept | undefined> {
  const ids = new Set(keys.items.filter((one) => one.in_force).map(({ id }) => id));
  return (await kept()).find(({ holder, id }) => holder === keys.holder && ids.has(id));
}

/** A statement that an older key of this browser makes about a new one, where there is one. */
export async function vouchFor(keys: SigningKeys, made: { id: string; public: string }): Promise<Signed | undefined> {
  const here = await keyHere(keys);
  const place = keys.items.find(({ id }) => id === here?.id)?.place;
  if (!here || !place) return undefined;
  const said = { origin: keys.origin, kind: "key-added", answers: place, clock: Date.now(), commitments: {} };
  return signed(here, { ...said, public: { key: made.id, public: made.public } });
}

async function signed(by: Kept, said: Statement): Promise<Signed> {
  const statement = statementText(said);
  return { key: by.id, statement, signature: await sign(by.pair, statement), salts: {}, values: {} };
}

/** What is said of one act: the place that it answers, and its fields. Private ones are texts. */
export interface Act {
  kind: string;
  /** Undefined: the place of the key itself. */
  answers?: readonly [string, number];
  public: { readonly [field: string]: number | string };
  private?: { readonly [field: string]: string };
}

/**
 * A statement about an act, where this browser has a key of its actor; undefined without.
 *
 * Throws what `lib/api` throws.
 *
 * @param act from the key's holder; asked only where there is a key
 * @param organization whose act it is, as a client of an exchange; the reader's own without
 */
export async function signedAct(act: (holder: string) => Act | Promise<Act>, organization?: string): Promise<Signed | undefined> {
  if ((await kept()).length === 0) return undefined;
  const keys = await listSigningKeys(organization);
  const here = await keyHere(keys);
  const own = keys.items.find(({ id }) => id === here?.id)?.place;
  if (!here || !own) return undefined;
  const { kind, answers = own, public: fields, private: values = {} } = await act(keys.holder);
  const salts: { [field: string]: string } = {};
  const commitments: { [field: string]: string } = {};
  for (const [field, value] of Object.entries(values)) {
    const salt = crypto.getRandomValues(new Uint8Array(32));
    commitments[field] = await commitment(keys.origin, kind, field, salt, text.encode(value));
    salts[field] = base64url(salt);
  }
  const said = { origin: keys.origin, kind, answers, clock: Date.now(), public: fields, commitments };
  return { ...(await signed(here, said)), salts, values: { ...values } };
}

/** The statement about answers. */
export const signedAnswers = (assignment: string, answers: Answers, seconds: number, revision: number | null) =>
  signedAct(async () => ({
    kind: "submitted",
    answers: (await getAssignment(assignment)).place,
    public: { ms: milliseconds(seconds), revision: (revision ?? 0) + 1, slot: await slotOf(assignment) },
    private: { answers: JSON.stringify(answers) },
  }));

/** The statement about a task that is given back or flagged. */
export const signedRemark = (kind: "skipped" | "flagged", assignment: string, reason: string) =>
  signedAct(async () => ({
    kind,
    answers: (await getAssignment(assignment)).place,
    public: { slot: await slotOf(assignment) },
    private: { reason },
  }));

/** Active time as a statement says it, in steps of a tenth of a second; -1 when it is not told. */
export const milliseconds = (seconds: number | undefined): number => (seconds === undefined ? -1 : Math.round(seconds * 10) * 100);

// -- officers

/** Officers' keys have no holder in the log: the node's policy names them. */
const OFFICER = "officer";

/** Make an officer's key in this browser; gives its public half, which the operator appoints. */
export async function makeOfficerKey(): Promise<string> {
  const pair = await newPair();
  const id = base64url(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  await change((keys) => keys.put({ holder: OFFICER, id, pair } satisfies Kept, id));
  return id;
}

/** Public halves of the officers' keys that lie in this browser. */
export const officerKeys = async (): Promise<string[]> => (await kept()).filter(({ holder }) => holder === OFFICER).map(({ id }) => id);

/** An officer's signature over the text of an override; undefined when that key is not here. */
export async function signAsOfficer(key: string, message: string): Promise<string | undefined> {
  const own = (await kept()).find(({ holder, id }) => holder === OFFICER && id === key);
  return own && sign(own.pair, message);
}
