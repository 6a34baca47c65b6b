"""The exchange from code: `client.exchange`. What each call is for stands in docs/guide/exchange.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from evenhand import wire
from evenhand.core.errors import Invalid, Refused
from evenhand.sdk.connection import Connection, segment
from evenhand.sdk.speaker import Speaker

T = TypeVar("T")


class Exchange:
    """Shared pools, those who take part in them, and who owns whom.

    Errors are those of `evenhand.core.errors`: `Refused` where the caller's role does not allow it.
    """

    def __init__(self, node: Connection, speaker: Speaker, organization: Callable[[str | None], str]) -> None:
        """
        Args:
            organization: gives the one that is meant where none is named.
        """
        self._node = node
        self._speaker = speaker
        self._organization = organization

    def _get(self, path: str, kind: type[T], **query: str | None) -> T:
        asked = urlencode({name: value for name, value in query.items() if value})
        return self._node.get(f"{path}?{asked}" if asked else path, kind)

    # -- the operator -----------------------------------------------------------------------------

    def policy(self) -> wire.NodePolicy:
        """Thresholds of conflicts, and the officers."""
        return self._get("/policy", wire.NodePolicy)

    def set_policy(self, policy: wire.NodePolicy) -> wire.NodePolicy:
        """Other thresholds or officers, from the node's next entry on."""
        return self._node.call("PUT", "/policy", policy, wire.NodePolicy)

    def open_pool(
        self, language: str, terms: wire.PoolTerms, band: int = 1, qualification: str = ""
    ) -> wire.SharedPool:
        """Open a pool that organizations share."""
        new = wire.NewSharedPool(terms=terms, language=language, band=band, qualification=qualification)
        return self._node.call("POST", "/shared-pools", new, wire.SharedPool)

    def change_terms(self, pool: str, terms: wire.PoolTerms) -> wire.SharedPool:
        """Other weights or prices, from the pool's next entry on."""
        path = f"/shared-pools/{segment(pool)}/terms"
        return self._node.call("PUT", path, terms, wire.SharedPool)

    def admit_client(self, organization: str, record: str = "", public: bool = True) -> wire.Party:
        """Admit an organization as a client.

        Args:
            record: recordId of its statement of ownership.
            public: the log names that record, so that everybody can check the client's conflicts.
        """
        new = wire.NewClient(organization_id=organization, record=record, public=public)
        return self._node.call("POST", "/parties/clients", new, wire.Party)

    def admit_provider(self, organization: str, record: str = "") -> wire.Party:
        """Admit an organization whose annotators work for others."""
        return self._entity(wire.NewEntity(role="provider", organization_id=organization, record=record))

    def name_operator(self, record: str, organization: str = "") -> wire.Party:
        """Say which record of ownership is the operator's, so that its conflicts count."""
        return self._entity(wire.NewEntity(role="operator", organization_id=organization, record=record))

    def _entity(self, new: wire.NewEntity) -> wire.Party:
        return self._node.call("POST", "/parties/entities", new, wire.Party)

    # -- everybody who takes part -----------------------------------------------------------------

    def pools(self) -> list[wire.SharedPool]:
        """All shared pools, with their rules and from which entry on each holds."""
        return self._get("/shared-pools", wire.Page[wire.SharedPool]).items

    def parties(self) -> list[wire.Party]:
        """Clients, providers and the operator: all for the operator, one's own for others."""
        return self._get("/parties", wire.Page[wire.Party]).items

    def clients(self, pool: str) -> list[wire.PoolClient]:
        """Who shares a pool: all for the operator, one's own for others."""
        return self._get(f"/shared-pools/{segment(pool)}/clients", wire.Page[wire.PoolClient]).items

    def annotators(self, pool: str) -> list[wire.PoolAnnotator]:
        """A provider's own annotators in a pool."""
        path = f"/shared-pools/{segment(pool)}/annotators"
        return self._get(path, wire.Page[wire.PoolAnnotator]).items

    def enrol(self, pool: str, enrolment: wire.Enrolment) -> wire.PoolAnnotator:
        """A provider's annotator takes part in a pool, or ends it."""
        path = f"/shared-pools/{segment(pool)}/annotators"
        return self._node.call("POST", path, enrolment, wire.PoolAnnotator)

    def my_pools(self) -> list[wire.PoolAvailability]:
        """The pools where the caller is enrolled."""
        return self._get("/availability", wire.Page[wire.PoolAvailability]).items

    def set_available(self, pool: str, available: bool) -> wire.PoolAvailability:
        """The caller takes work in a pool, or takes none."""
        path = f"/availability/{segment(pool)}"
        signed = self._speaker.say_for(
            None, "availability", lambda who: (pool, 0), lambda who: {"on": int(available), "who": who}
        )
        change = wire.AvailabilityChange(available=available, signed=signed)
        return self._node.call("PUT", path, change, wire.PoolAvailability)

    # -- a client ---------------------------------------------------------------------------------

    def join(
        self,
        pool: str,
        band: int = 1,
        exposure: int = 0,
        organization: str | None = None,
        state: Any = "active",
    ) -> wire.PoolClient:
        """Take part in a pool, or change what one asks for; with state "left", leave it.

        Args:
            band: the least band of annotators that may have one's tasks.
            exposure: most tasks that one provider's annotators may get; 0: no limit.
        """
        terms = wire.ClientTerms(organization_id=organization, state=state, band=band, exposure=exposure)
        path = f"/shared-pools/{segment(pool)}/clients"
        return self._node.call("POST", path, terms, wire.PoolClient)

    def send(self, project: str, pool: str = "", family: str = "") -> wire.PooledProject:
        """A project gets its answers from a shared pool; without a pool, from one's own people again."""
        path = f"/projects/{segment(project)}/pool"
        wanted = wire.ProjectPool(pool=pool, family=family)
        return self._node.call("PUT", path, wanted, wire.PooledProject)

    def sent(self, organization: str | None = None) -> list[wire.PooledProject]:
        """One's own projects in shared pools."""
        return self._get("/pooled-projects", wire.Page[wire.PooledProject], organization=organization).items

    def rivals(self, organization: str | None = None) -> wire.Rivals:
        """The rivals that one has named. Nobody else is told them."""
        return self._get("/rivals", wire.Rivals, organization=organization)

    def set_rivals(self, records: Sequence[str], organization: str | None = None) -> wire.Rivals:
        """Name one's rivals, by their recordIds; the log shows a commitment and no name."""
        own = self._organization(organization)
        pseudonyms = {one.source: one.record for one in self.ownership(organization).owners}
        named = sorted({pseudonyms.get(source, "") for source in records})
        value = {"rivals": msgspec.json.encode(named)}
        signed = self._speaker.say_for(own, "rivals-named", None, lambda client: {"client": client}, value)
        wanted = wire.Rivals(organization_id=organization, records=list(records), signed=signed)
        return self._node.call("PUT", "/rivals", wanted, wire.Rivals)

    def waive(
        self, pool: str, entity: str, given: bool = True, organization: str | None = None
    ) -> wire.Waiver:
        """Let a provider of grade 2 work for one in this pool, or no longer."""
        state: Any = "given" if given else "withdrawn"
        signed = self._speaker.say_for(
            self._organization(organization),
            "waived",
            lambda client: self._verdict(pool, client, entity),
            lambda client: {"client": client, "entity": entity, "state": state},
        )
        wanted = wire.Waiver(organization_id=organization, entity=entity, state=state, signed=signed)
        return self._node.call("POST", f"/shared-pools/{segment(pool)}/waivers", wanted, wire.Waiver)

    def _verdict(self, pool: str, client: str, entity: str) -> tuple[str, int]:
        """Where the newest verdict about this pair stands, which a waiver answers."""
        for one in self.ownership().conflicts:
            if (one.pool, one.client, one.entity) == (pool, client, entity):
                return pool, one.n
        raise Refused("signing.verdict", "There is no verdict about this pair.", "entity")

    # -- ownership --------------------------------------------------------------------------------

    def ownership(self, organization: str | None = None) -> wire.Ownership:
        """The graph, with every verdict that concerns the caller and its sentence."""
        return self._get("/ownership", wire.Ownership, organization=organization)

    def statements(self) -> list[dict[str, Any]]:
        """The newest statement of every record, as received: a file of BODS 0.4. For the operator."""
        return self._get("/ownership/statements", list[dict[str, Any]])

    def state(
        self, statements: Sequence[Mapping[str, Any]], organization: str | None = None
    ) -> wire.StatementsReport:
        """File statements of BODS 0.4: the operator about everybody, an organization about itself."""
        new = wire.NewStatements(statements=[dict(one) for one in statements], organization_id=organization)
        return self._node.call("POST", "/ownership/statements", new, wire.StatementsReport)

    def hold(self, holding: wire.NewHolding) -> wire.StatementsReport:
        """File one holding without a file."""
        return self._node.call("POST", "/ownership/holdings", holding, wire.StatementsReport)

    # -- officers ---------------------------------------------------------------------------------

    def overrides(self) -> wire.Overrides:
        """What officers did, and the origin that they sign."""
        return self._get("/overrides", wire.Overrides)

    def override(self, pool: str, wanted: wire.Override) -> None:
        """Recall a lease, suspend or readmit an annotator, with the signatures of two officers."""
        self._node.tell("POST", f"/shared-pools/{segment(pool)}/overrides", wanted)


def read_statements(path: Path) -> list[dict[str, Any]]:
    """A file of BODS statements: one JSON array.

    Raises:
        Invalid: it is no JSON, or no array of objects.
    """
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Invalid(
            "bods.file", f"The file cannot be read: {error}.", str(path), "Give a JSON file of BODS 0.4."
        ) from error
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise Invalid(
            "bods.file", "The file is no array of statements.", str(path), "Give a JSON file of BODS 0.4."
        )
    return told
