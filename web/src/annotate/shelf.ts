/** Where the journal lies: IndexedDB, or the page's memory where a browser allows no storage. */

const STORES = ["drafts", "outbox", "acked", "seen", "days"] as const;
export type StoreName = (typeof STORES)[number];

/** One change. All changes of one `write` happen together or not at all. */
export type Change =
  | { put: object; in: StoreName; key: string }
  | { remove: string; in: StoreName };

export interface Shelf {
  /** Whether what is written outlives the page. */
  readonly lasting: boolean;
  get<T>(store: StoreName, key: string): Promise<T | undefined>;
  /** All of a store, in the order of their keys. */
  all<T>(store: StoreName): Promise<T[]>;
  /** Resolves after the commit; with `strict` after it has reached the disk. */
  write(changes: Change[], strict?: boolean): Promise<void>;
  close(): void;
}

function outcome<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB failed"));
  });
}

class IndexedShelf implements Shelf {
  readonly lasting = true;

  constructor(private readonly db: IDBDatabase) {
    // A newer page wants to change the database: stand aside, or it waits for ever.
    db.onversionchange = () => db.close();
  }

  get<T>(store: StoreName, key: string): Promise<T | undefined> {
    return outcome<T | undefined>(this.db.transaction(store).objectStore(store).get(key));
  }

  all<T>(store: StoreName): Promise<T[]> {
    return outcome<T[]>(this.db.transaction(store).objectStore(store).getAll());
  }

  async write(changes: Change[], strict = false): Promise<void> {
    const stores = [...new Set(changes.map((change) => change.in))];
    if (stores.length === 0) return;
    const tx = this.db.transaction(stores, "readwrite", { durability: strict ? "strict" : "default" });
    const committed = new Promise<void>((resolve, reject) => {
      tx.oncomplete = () => resolve();
      tx.onabort = () => reject(tx.error ?? new Error("IndexedDB refused the transaction"));
    });
    try {
      for (const change of changes) this.#make(tx.objectStore(change.in), change);
    } catch (error) {
      // A value that cannot be stored throws here; what was put before it must not be committed.
      tx.abort();
      await committed.catch(() => undefined);
      throw error;
    }
    return committed;
  }

  #make(store: IDBObjectStore, change: Change): void {
    if ("put" in change) store.put(change.put, change.key);
    else store.delete(change.remove);
  }

  close(): void {
    this.db.close();
  }
}

class MemoryShelf implements Shelf {
  readonly lasting = false;
  readonly #stores = new Map<StoreName, Map<string, object>>(STORES.map((name) => [name, new Map()]));

  async get<T>(store: StoreName, key: string): Promise<T | undefined> {
    return structuredClone(this.#stores.get(store)?.get(key)) as T | undefined;
  }

  async all<T>(store: StoreName): Promise<T[]> {
    const entries = [...(this.#stores.get(store) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    return entries.map(([, value]) => structuredClone(value) as T);
  }

  async write(changes: Change[]): Promise<void> {
    for (const change of changes) {
      if ("put" in change) this.#stores.get(change.in)?.set(change.key, structuredClone(change.put));
      else this.#stores.get(change.in)?.delete(change.remove);
    }
  }

  close(): void {
    this.#stores.clear();
  }
}

export function memoryShelf(): Shelf {
  return new MemoryShelf();
}

/** Open the browser's own storage, or the page's memory when the browser refuses (`lasting` tells). */
export async function openShelf(name = "evenhand"): Promise<Shelf> {
  try {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store);
    };
    return new IndexedShelf(await outcome(request));
  } catch {
    return memoryShelf();
  }
}
