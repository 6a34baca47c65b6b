"""What an audit can find, in four classes, by the control that it breaks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

PROVEN = "proven violation"  # a signature, a hash or a replay shows it
ALARM = "statistical alarm"  # an e-value says that chance would be a strange explanation
GAP = "unexplained gap"  # something is missing, and the log does not say why
BLIND = "not auditable"  # the log cannot show it

CLASSES = (PROVEN, ALARM, GAP, BLIND)
MAX_KEPT = 1000  # findings of one class that are kept one by one

CONTROLS: dict[str, str] = {
    "EN-1": "Nobody's work is served before its turn",
    "EN-2": "Weights, prices and charges change only by a policy that takes effect later",
    "EN-3": "Waiting work is in the queue",
    "EN-4": "Verdicts of conflict are those that the stated ownership gives",
    "EN-5": "Who gets the best annotators is drawn, not chosen",
    "EN-6": "Draws are verifiable and cannot be repeated",
    "EN-7": "Finished labels are not held back",
    "EN-8": "The operator does not read data",
    "EN-9": "No annotator is the operator in disguise",
    "EN-10": "Pages do what they say",
    "EN-11": "Data are not copied and sold",
    "EN-12": "Data are not used to train models of others",
    "EN-13": "Labels are delivered as they were given",
    "EN-14": "No label and no task is dropped",
    "EN-15": "Labels come from the annotators whom they are said to come from",
    "EN-16": "Reviews took place",
    "EN-17": "Times are true",
    "EN-18": "History is not rewritten",
    "EN-19": "Everybody is shown the same log",
    "EN-20": "The log does not stand still while work goes on",
    "EN-21": "Stated conflicts are acted on; ownership is stated",
    "EN-22": "Providers that pass for independent are independent",
    "EN-23": "No provider sees more of a client than agreed",
    "EN-24": "Ownership is stated in time",
    "EN-25": "Labels are not poisoned",
    "EN-26": "Equal work costs the same",
    "EN-27": "Annotators do not choose the client",
    "EN-28": "Providers do not decline the work of some",
    "EN-29": "Gold stays secret",
    "EN-30": "Quality is enforced alike",
    "EN-31": "Rules and software change in sight",
    "EN-32": "Availability is not a pretext",
    "EN-33": "Time is not inflated",
    "EN-34": "Openings are true and complete",
    "EN-35": "Keys are used by their owners, while they are valid",
    "EN-36": "Erasure does not destroy evidence",
    "EN-37": "Complaints are not suppressed",
    "EN-38": "Nobody is kept out at the door",
}

BLIND_SPOTS: dict[str, str] = {
    "EN-8": "Who reads what in open mode leaves no trace that others could check.",
    "EN-9": "A person inside a real provider may be anybody; exposure is bounded, not prevented.",
    "EN-10": "What a page did in one browser is not in the log.",
    "EN-11": "A photograph of a screen leaves no trace.",
    "EN-12": "What a model was trained on is not in the log.",
    "EN-13": "Delivered labels are compared by their client, which has the openings.",
    "EN-16": "How carefully somebody looked is not in the log.",
    "EN-22": "Nominees and side letters are not visible.",
    "EN-25": "Bias below the power of the client's own tests, or on few tasks, is not seen.",
    "EN-29": "Rings that tell each other the answers are seen by the client's tests, if at all.",
    "EN-30": "Which answers were rejected is known to the client; why annotators were, with its receipts.",
    "EN-34": "Openings are checked by whoever gets them.",
    "EN-35": "Who adds the first key of a holder, and whether a key was stolen, is not in the log.",
    "EN-36": "What was erased cannot be shown any more; how much, and on what basis, is counted.",
    "EN-37": "A complaint that no peer has logged is not there.",
    "EN-38": "Who was turned away before any receipt is not in the log.",
}
"""Why an audit of the log alone says nothing about these, on its first page."""


ADVICE: tuple[tuple[str, str], ...] = (
    # beginning of a rule -> what to do about it; the first that fits
    (
        "checkpoint",
        "First compare the key with the one that the operator publishes elsewhere. If it is right, keep this "
        "checkpoint: the log does not stand behind what it shows.",
    ),
    (
        "earlier.",
        "Keep both checkpoints: together they prove that two people were shown two histories. "
        "`evenhand ledger fork-proof` makes one file of them, which anybody can check. Tell the witnesses.",
    ),
    (
        "receipt.",
        "Keep the receipt: the node's own signature in it is the evidence. Ask the operator for the entry.",
    ),
    (
        "tile.missing",
        "Fetch the log again, or from somebody who keeps a copy. What is in the missing file is not checked.",
    ),
    (
        "bundle.missing",
        "Fetch the log again, or from somebody who keeps a copy. What is in the missing file is not checked.",
    ),
    (
        "quorum",
        "Ask the witnesses of your policy what they have seen: they may be down, or be kept from the log.",
    ),
    (
        "fresh",
        "Ask the witnesses and the operator why nothing newer is cosigned; work may go on outside the log.",
    ),
    ("cosignature", "Keep the checkpoint, and ask the witness whether it signed this."),
    (
        "entry.unsigned",
        "Ask the holder of the key whether they did this. If not, the operator spoke in their name.",
    ),
    ("entry.s", "Ask the holder of the key for what they signed, and compare. Keep the entry."),
    ("statement.", "Ask the holder of the key how often they did this. A signature counts for one act."),
    (
        "key.",
        "Ask the holder whether the key is theirs, and since when. Until then trust nothing that it signed.",
    ),
    ("grammar.", "Take a newer version of this program, and audit again."),
    ("enrolled.moved", "Ask both providers for whom this annotator works, and since when."),
    ("ownership.late", "Ask when the operator learned of it, and what was given out meanwhile."),
    ("conflict.", "Whoever has the statements gets the right grade: show it to the client and the operator."),
    (
        "admitted.",
        "Compare the decision of your project with the entry, and ask the operator for the reason.",
    ),
    (
        "parity.",
        "This is no proof. Compare what the clients' tasks ask for, then ask the operator for the reason.",
    ),
    ("override.", "Ask both officers for their signatures. Without two of them nobody may step in."),
    (
        "draw.between",
        "Read the acts between the two entries: whose were they, and what would be drawn without them?",
    ),
    (
        "draw.slow",
        "Ask the operator what held the draw up, and whether anything that bears on it happened meanwhile.",
    ),
    (
        "letter.",
        "Keep the file: the signature in it is the evidence. Ask the node for the entry about it.",
    ),
    ("share.unplanned", "Audit the log that this one continues, where the share began."),
    (
        "share.",
        "Ask the home node which tasks went to whom, with the project's archive, and hold it to the plan.",
    ),
    ("time.", "Compare with what the witnesses signed at that time."),
)
BY_CLASS: dict[str, str] = {
    PROVEN: "Anybody who replays the log gets the same: keep a copy of it, and show the operator this entry.",
    ALARM: "This is no proof. Ask the operator for the reason.",
    GAP: "Ask the operator. Fetch the log again later: what was only late is there then.",
}


def advice(rule: str, kind: str) -> str:
    """What whoever reads a finding can do about it."""
    return next((text for start, text in ADVICE if rule.startswith(start)), BY_CLASS.get(kind, ""))


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found."""

    control: str  # "EN-1" to "EN-38"
    kind: str  # one of `CLASSES`
    rule: str  # stable name, such as "window.lease"
    index: int | None  # leaf, from 0; None when it is about the whole log
    place: str  # "stream n"; "" when it is about the whole log
    evidence: str  # one sentence for a person, with what was said and what is right

    def __str__(self) -> str:
        at = "" if self.index is None else f" at entry {self.index}"
        where = f" ({self.place})" if self.place else ""
        return f"{self.control} {self.kind}{at}{where}: {self.evidence}"


@dataclass
class Findings:
    """All of them: the first of each class one by one, the rest counted."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # class -> how many
    controls: Counter[str] = field(default_factory=Counter)  # control -> how many

    def add(self, finding: Finding) -> None:
        """Take one."""
        self.counts[finding.kind] += 1
        if finding.kind != BLIND:
            self.controls[finding.control] += 1
        if self.counts[finding.kind] <= MAX_KEPT:
            self.kept.append(finding)

    @property
    def ok(self) -> bool:
        """Whether nothing was found. What cannot be audited is no finding."""
        return not any(self.counts[kind] for kind in (PROVEN, ALARM, GAP))
