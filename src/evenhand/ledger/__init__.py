"""The ledger of one node on its disk: key, signing state, tiles; and the thread that sequences.

Below the ledger's folder stand ``key`` (the log key, mode 0600), ``signed.json`` (what was signed
last: never in a backup), ``lock``, and ``public/``, which any static file server may serve as it is
(C2SP ``tlog-tiles``). The store owns the entries; the ledger owns what was said about them.

The order of one step, and what happens if we stop in between:

1. ``store.record_batch``: place -> leaf is durable. Stop here: the next step finds leaves that are
   not signed and sequences exactly those.
2. Bundles and tiles are durable. Stop here: they are written again, with the same bytes.
3. ``signed.json``. Nothing is ever signed twice for one size; from here on the step has happened.
4. ``public/checkpoint``. Stop before it: ``Ledger.open`` publishes what was signed.
"""

from evenhand.ledger.disk import Disk, LocalDisk
from evenhand.ledger.public import PublicLog, read_key
from evenhand.ledger.sequencer import Sequencer, Store
from evenhand.ledger.tree import unpack_bundle
from evenhand.ledger.writer import Ledger

__all__ = ["Disk", "Ledger", "LocalDisk", "PublicLog", "Sequencer", "Store", "read_key", "unpack_bundle"]
